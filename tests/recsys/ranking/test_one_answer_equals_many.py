"""One shopper is answered from sparse scores, many by sparse products of whole tables: the slates are the same."""

import numpy as np

from recsys.data.dataset import Dataset, build
from recsys.data.profile import Context, Profile
from recsys.ranking.network import Network
from recsys.sources.registry import RECOMMENDERS
from recsys.training.plan import ranked_sources
from tests.recsys.shop_history import history, products
from tests.recsys.trainings import TrainedShop

SHOPPERS, K = 1_000, 30


def shoppers_of(dataset: Dataset) -> tuple[list[Profile], list[Context]]:
    """Return shoppers of 0 to 60 events, and what each may be shown."""
    rng, now, n = np.random.default_rng(11), float(dataset.interactions.times[-1]) + 3_600, dataset.catalog.n_items
    profiles, contexts = [], []
    for _ in range(SHOPPERS):
        size = int(rng.integers(0, 60))
        profiles.append(
            Profile(
                items=rng.integers(0, n, size).astype(np.int32),
                times=np.sort(now - rng.uniform(0, 5e6, size)),
                signals=rng.integers(0, 3, size).astype(np.int8),
                weights=rng.choice([0.0, 1.0, 4.0], size).astype(np.float32),
                values=np.ones(size, np.float32),
                now=now,
            )
        )
        contexts.append(Context(allowed=rng.random(n) < 0.8, seen_allowed=bool(rng.random() < 0.5)))
    return profiles, contexts


def test_a_thousand_slates_are_those_of_the_batch(small_training: TrainedShop) -> None:
    dataset, model = small_training.dataset, small_training.model
    assert model.ranker is not None
    profiles, contexts = shoppers_of(dataset)

    for strategy in ("ranker", "blend"):
        many = model.slate_many(profiles, contexts, K, strategy=strategy)
        for profile, context, other in zip(profiles, contexts, many, strict=True):
            one = model.slate(profile, context, K, strategy=strategy)
            np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4, atol=1e-5)
            changed = np.flatnonzero(one.items != other.items)  # ties apart
            np.testing.assert_allclose(one.scores[changed], other.scores[changed], rtol=1e-5, atol=1e-6)
            assert len(changed) <= 2


def test_every_source_scores_one_shopper_as_it_scores_many() -> None:
    dataset = build(history(), products())
    profiles, contexts = shoppers_of(dataset)
    profiles, contexts = profiles[:200], contexts[:200]
    for name in ranked_sources():
        source = RECOMMENDERS[name]().fit(dataset.interactions, dataset.catalog)
        many = source.scores_many(profiles, contexts)
        for profile, context, scores in zip(profiles, contexts, many, strict=True):
            one = source.item_scores(profile, context).all(source.n_items)
            np.testing.assert_allclose(one, scores, rtol=1e-5, atol=1e-6, err_msg=name)


def test_inputs_of_the_network_are_interpolated_as_numpy_does() -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(300, 4)).round(1).astype(np.float32)
    features[:, 2], features[rng.random(features.shape) < 0.2] = 1.5, np.nan
    network = Network.fit(features, (rng.random(300) < 0.3).astype(np.int32), steps=20, seed=7)
    values = np.concatenate([features, np.full((1, 4), np.inf), np.full((1, 4), -np.inf)]).astype(np.float32)

    columns = [
        np.nan_to_num(np.interp(values[:, at], network.quantiles[at], network.normal_scores[at])) for at in range(4)
    ]
    wanted = np.column_stack([*columns, np.isnan(values[:, network.flagged])]).astype(np.float32)

    np.testing.assert_array_equal(network.input_map.inputs(values), wanted)
