"""A model answers alike before and after it was saved, and one that was touched is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data.catalogue import Catalogue
from recsys.data.dataset import build
from recsys.data.profile import Context, Profile
from recsys.evaluation.pipeline import TrainedBundle, train
from recsys.ranking.artifact import ArtifactError
from recsys.ranking.candidates import Candidates, in_history
from recsys.ranking.item_statistics import attribute_rows, categorical_codes
from recsys.ranking.model import HybridModel
from recsys.ranking.ranker import Ranker
from recsys.sources.content import Content
from tests.recsys.shop_history import START, history, products

SOURCES = ("content", "personal_top", "popular", "rp3beta")
NOW = START + 400 * 86_400.0


@pytest.fixture(scope="module")
def trained() -> TrainedBundle:
    return train(build(history(), products()), seed=7, names=SOURCES)


def test_saved_and_loaded_answers_are_the_same(trained: TrainedBundle, tmp_path: Path) -> None:
    profiles = trained.test.profiles[:5]
    contexts = [Context()] * 5

    digest = trained.bundle.save(tmp_path / "one")
    loaded = HybridModel.load(tmp_path / "one", expected=digest)

    for before, after in zip(
        trained.bundle.slate_many(profiles, contexts, 10), loaded.slate_many(profiles, contexts, 10), strict=True
    ):
        np.testing.assert_array_equal(before.items, after.items)
        np.testing.assert_array_equal(before.scores, after.scores)
    assert loaded.save(tmp_path / "two") != ""


def test_same_data_and_seed_give_the_same_hash(trained: TrainedBundle, tmp_path: Path) -> None:
    again = train(build(history(), products()), seed=7, names=SOURCES)

    assert again.bundle.save(tmp_path / "again") == trained.bundle.save(tmp_path / "first")


@pytest.mark.parametrize(
    ("touch", "told"),
    [
        ("altered", "statistics.npz was altered"),
        ("added", "missing or added: more.txt"),
        ("lost", "missing or added: statistics.npz"),
        ("manifest", "not the registered one"),
    ],
)
def test_a_touched_artifact_is_refused(trained: TrainedBundle, tmp_path: Path, touch: str, told: str) -> None:
    digest = trained.bundle.save(tmp_path / "model")
    statistics = tmp_path / "model" / "statistics.npz"
    if touch == "altered":
        content = bytearray(statistics.read_bytes())
        content[-30] ^= 1
        statistics.write_bytes(bytes(content))
    elif touch == "added":
        (tmp_path / "model" / "more.txt").write_text("x")
    elif touch == "lost":
        statistics.unlink()
    else:
        manifest = tmp_path / "model" / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"seed"', '"sead"'))

    with pytest.raises(ArtifactError, match=told):
        HybridModel.load(tmp_path / "model", expected=digest)


def test_a_ranker_of_features_that_this_code_does_not_know_is_refused_before_anybody_asks_it(
    trained: TrainedBundle, tmp_path: Path
) -> None:
    """Read, it would fail each answer: that of an earlier release, or of a later one after the way back."""
    learnt = replace(trained.bundle, ranker=Ranker((), (), ("popular_score", "price_of_the_moon")))

    digest = learnt.save(tmp_path / "model")

    with pytest.raises(ArtifactError, match="this code does not know: price_of_the_moon"):
        HybridModel.load(tmp_path / "model", expected=digest)


def test_facts_of_another_release_are_refused_before_anybody_asks_for_them(
    trained: TrainedBundle, tmp_path: Path
) -> None:
    """A table that lacks a column failed each answer of a ranker whose own features are all known."""
    statistics = replace(trained.bundle.statistics, table=trained.bundle.statistics.table[:, 1:])

    digest = replace(trained.bundle, statistics=statistics).save(tmp_path / "model")

    with pytest.raises(ArtifactError, match="21 statistics of each product, and this code reads 22"):
        HybridModel.load(tmp_path / "model", expected=digest)


def test_a_source_of_another_release_is_named(trained: TrainedBundle, tmp_path: Path) -> None:
    sources = {**trained.bundle.sources, "oracle": trained.bundle.sources["popular"]}

    digest = replace(trained.bundle, sources=sources).save(tmp_path / "model")

    with pytest.raises(ArtifactError, match="recommenders that this code does not know: oracle"):
        HybridModel.load(tmp_path / "model", expected=digest)


def test_every_strategy_answers_anybody(trained: TrainedBundle) -> None:
    nobody = Profile.empty(NOW)

    for strategy in (None, "hybrid", "blend", *trained.bundle.sources):
        slate = trained.bundle.slate(nobody, Context(), 10, strategy=strategy)
        assert len(slate) <= 10
        assert (np.diff(slate.scores) <= 0).all()
    assert len(trained.bundle.slate(nobody, Context(), 10)) == 10
    with pytest.raises(KeyError):
        trained.bundle.slate(nobody, Context(), 10, strategy="astrology")


def test_masks_and_exclusions_hold(trained: TrainedBundle) -> None:
    profile = trained.test.profiles[0]
    allowed = np.zeros(trained.bundle.catalogue.n_items, bool)
    allowed[:6] = True

    slate = trained.bundle.slate(profile, Context(allowed=allowed, exclude=(2,)), 10)
    fresh = trained.bundle.slate(profile, Context(seen_allowed=False), 10)

    assert set(slate.items.tolist()) <= {0, 1, 3, 4, 5}
    assert not set(fresh.items.tolist()) & set(profile.items.tolist())


def test_given_items_are_all_ranked(trained: TrainedBundle) -> None:
    given = np.array([7, 3, 30], np.int32)

    slate = trained.bundle.rank(trained.test.profiles[0], Context(), given)

    assert sorted(slate.items.tolist()) == [3, 7, 30]


def test_given_items_are_ranked_among_themselves_where_no_ranker_is(trained: TrainedBundle) -> None:
    """None of them is in the list of thirty best of the source, so its places there tell nothing."""
    manifest = {**trained.bundle.manifest, "stage": "blend"}
    blended = replace(trained.bundle, manifest=manifest, blend={"popular": 1.0}, quotas={"popular": 3})
    profile = trained.test.profiles[0]
    scores = trained.bundle.sources["popular"].scores(profile, Context())
    given = np.argsort(-scores)[10:16].astype(np.int32)

    slate = blended.rank(profile, Context(), np.sort(given))

    assert slate.items.tolist() == sorted(given.tolist(), key=lambda code: (-scores[code], code))
    assert len({*slate.scores.tolist()}) == 6


def test_a_long_answer_ranks_the_candidates_that_the_ranker_was_taught_on(trained: TrainedBundle) -> None:
    """More of each source were others than the ranker knows: ranks it never saw, sources that agree more often."""
    model = replace(trained.bundle, quotas={"popular": 60, "content": 40, "rp3beta": 20})

    assert model._asked("ranker", None, 100) == model._asked("blend", None, 10) == model.quotas
    assert model._asked("ranker", None, 240) == {"popular": 120, "content": 80, "rp3beta": 40}
    assert model._asked("blend", ("content",), 100) == {"popular": 0, "content": 100, "rp3beta": 0}


def test_what_the_shopper_had_is_not_new_to_them_though_nobody_else_touched_it(trained: TrainedBundle) -> None:
    model = replace(trained.bundle, statistics=replace(trained.bundle.statistics, last=trained.bundle.statistics.last.copy()))
    model.statistics.last[:] = np.nan
    profile = trained.test.profiles[0]
    items = np.unique(np.append(profile.items[:2], [3, 5]))
    nothing = np.zeros((len(items), 1), np.float32)
    pairs = Candidates(np.zeros(len(items), np.int64), items, nothing, nothing, ("popular",), 1)

    own = in_history([profile], pairs)

    assert own.tolist() == np.isin(items, profile.items).tolist()
    assert model._untouched(pairs, own).tolist() == (~own).tolist()
    assert model._untouched(pairs, None).all()


def test_a_new_product_is_known_at_once(trained: TrainedBundle) -> None:
    n = trained.bundle.catalogue.n_items
    fresh = pd.DataFrame({"item_id": ["i000", "new"], "title": ["", "Product 2"], "category": ["", "even"]})

    more = trained.bundle.extended(fresh)

    assert more.catalogue.item_ids[n:] == ("new",)
    assert more.statistics.n_items == n + 1
    ranked = more.rank(trained.test.profiles[0], Context(), np.array([n, 1], np.int32))
    assert sorted(ranked.items.tolist()) == [1, n]


def test_new_products_are_kin_of_what_a_training_would_find_them_kin_of(trained: TrainedBundle) -> None:
    known = trained.bundle.catalogue
    told = {"category": [known.categories[0], "new/deep", "new", ""], "brand": [known.brands[1], "New", "New", ""]}
    held = [list(known.attributes[0]) if known.attributes else [], ["color=new"], ["color=new", "size=new"], []]
    fresh = pd.DataFrame(
        {"item_id": ["a", "b", "c", "d"], "group_id": ["one", "one", "", ""], "attributes": held, **told}
    )

    more = trained.bundle.extended(fresh)

    for name, codes in categorical_codes(more.catalogue).items():
        own = getattr(more.statistics, name)
        assert (own < 0).tolist() == (codes < 0).tolist()
        assert pd.factorize(own)[0].tolist() == pd.factorize(codes)[0].tolist()
    starts, attributes, rarity = attribute_rows(more.catalogue, n_known=more.catalogue.n_items)
    assert more.statistics.starts.tolist() == starts.tolist()
    assert more.statistics.rarity[more.statistics.attributes].tolist() == rarity[attributes].tolist()
    assert pd.factorize(more.statistics.attributes)[0].tolist() == pd.factorize(attributes)[0].tolist()


def test_a_model_that_knows_the_first_of_the_new_products_compares_only_the_others(
    trained: TrainedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, met = trained.bundle, list[int]()
    fresh = pd.DataFrame({"item_id": ["new", "newer"], "title": ["Product 2", "Product 4"], "category": ["even"] * 2})
    extend = Content.extend

    def counted(self: Content, catalogue: Catalogue) -> Content:
        met.append(catalogue.n_items - self.n_items)
        return extend(self, catalogue)

    monkeypatch.setattr(Content, "extend", counted)

    first = model.extended(fresh[:1])
    in_steps = model.extended(fresh, before=first)
    at_once = model.extended(fresh)

    assert met == [1, 1, 2]
    own, others = in_steps.sources["content"].arrays, at_once.sources["content"].arrays
    assert all(np.array_equal(own[name], others[name]) for name in others)
    assert model.extended(fresh, before=in_steps).sources["content"] is in_steps.sources["content"]


def test_an_import_of_very_many_new_products_waits_for_the_next_training(
    trained: TrainedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained.bundle
    n = model.catalogue.n_items
    fresh = pd.DataFrame({"item_id": ["new", "newer"], "title": ["Product 2", "Product 4"], "category": ["even"] * 2})
    assert model.extended(fresh).sources["content"].n_items == n + 2

    monkeypatch.setattr("recsys.ranking.extension.MAX_PAIRS", 2 * (n + 2) - 1)
    more = model.extended(fresh)

    assert more.sources["content"] is model.sources["content"]
    assert (more.catalogue.n_items, more.statistics.n_items) == (n + 2, n + 2)
    assert len(more.slate(trained.test.profiles[0], Context(), 5, explain=True).items) == 5
    assert sorted(more.rank(trained.test.profiles[0], Context(), np.array([n, 1], np.int32)).items.tolist()) == [1, n]


def test_contributions_are_told_when_asked(trained: TrainedBundle) -> None:
    model = trained.bundle
    slate = model.slate(trained.test.profiles[0], Context(), 3, strategy="ranker", explain=True)

    assert all(slate.contributions)
    assert {name for item in slate.contributions for name in item} <= set(model.ranker.names if model.ranker else ())
