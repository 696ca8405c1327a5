"""A model answers alike before and after it was saved, and one that was touched is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data.catalog import Catalog
from recsys.data.dataset import build
from recsys.data.profile import Context, Profile
from recsys.ranking.artifact import ArtifactError
from recsys.ranking.item_statistics import attribute_rows, categorical_codes
from recsys.ranking.model import HybridModel
from recsys.ranking.ranker import Ranker
from recsys.sources.content import Content
from tests.recsys.shop_history import START, history, products
from tests.recsys.trainings import TrainedShop
from tests.recsys.trainings import trained as train_shop

SOURCES = ("content", "personal_top", "popular", "rp3beta")
NOW = START + 400 * 86_400.0


@pytest.fixture(scope="module")
def trained() -> TrainedShop:
    return train_shop(build(history(), products()), seed=7, names=SOURCES)


def test_saved_and_loaded_answers_are_the_same(trained: TrainedShop, tmp_path: Path) -> None:
    profiles = trained.test.profiles[:5]
    contexts = [Context()] * 5

    digest = trained.model.save(tmp_path / "one")
    loaded = HybridModel.load(tmp_path / "one", expected=digest)

    for before, after in zip(
        trained.model.slate_many(profiles, contexts, 10), loaded.slate_many(profiles, contexts, 10), strict=True
    ):
        np.testing.assert_array_equal(before.items, after.items)
        np.testing.assert_array_equal(before.scores, after.scores)
    assert loaded.save(tmp_path / "two") != ""


@pytest.mark.parametrize(
    ("touch", "message"),
    [
        ("altered", "statistics.npz was altered"),
        ("added", "missing or added: more.txt"),
        ("lost", "missing or added: statistics.npz"),
        ("manifest", "not the registered one"),
    ],
)
def test_a_touched_artifact_is_refused(trained: TrainedShop, tmp_path: Path, touch: str, message: str) -> None:
    digest = trained.model.save(tmp_path / "model")
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

    with pytest.raises(ArtifactError, match=message):
        HybridModel.load(tmp_path / "model", expected=digest)


def test_a_ranker_of_features_that_this_code_does_not_know_is_refused_before_anybody_asks_it(
    trained: TrainedShop, tmp_path: Path
) -> None:
    """Read, it would fail each answer: that of an earlier release, or of a later one after the way back."""
    learnt = replace(trained.model, ranker=Ranker((), (), ("popular_score", "price_of_the_moon")))

    digest = learnt.save(tmp_path / "model")

    with pytest.raises(ArtifactError, match="this code does not know: price_of_the_moon"):
        HybridModel.load(tmp_path / "model", expected=digest)


def test_facts_of_another_release_are_refused_before_anybody_asks_for_them(
    trained: TrainedShop, tmp_path: Path
) -> None:
    """A table that lacks a column failed each answer of a ranker whose own features are all known."""
    statistics = replace(trained.model.statistics, table=trained.model.statistics.table[:, 1:])

    digest = replace(trained.model, statistics=statistics).save(tmp_path / "model")

    with pytest.raises(ArtifactError, match="21 statistics of each product, and this code reads 22"):
        HybridModel.load(tmp_path / "model", expected=digest)


def test_a_source_of_another_release_is_named(trained: TrainedShop, tmp_path: Path) -> None:
    sources = {**trained.model.sources, "oracle": trained.model.sources["popular"]}

    digest = replace(trained.model, sources=sources).save(tmp_path / "model")

    with pytest.raises(ArtifactError, match="recommenders that this code does not know: oracle"):
        HybridModel.load(tmp_path / "model", expected=digest)


def test_every_strategy_answers_anybody(trained: TrainedShop) -> None:
    nobody = Profile.empty(NOW)

    for strategy in (None, "hybrid", "blend", *trained.model.sources):
        slate = trained.model.slate(nobody, Context(), 10, strategy=strategy)
        assert len(slate) <= 10
        assert (np.diff(slate.scores) <= 0).all()
    assert len(trained.model.slate(nobody, Context(), 10)) == 10
    with pytest.raises(KeyError):
        trained.model.slate(nobody, Context(), 10, strategy="astrology")


def test_masks_and_exclusions_hold(trained: TrainedShop) -> None:
    profile = trained.test.profiles[0]
    allowed = np.zeros(trained.model.catalog.n_items, bool)
    allowed[:6] = True

    slate = trained.model.slate(profile, Context(allowed=allowed, exclude=(2,)), 10)
    fresh = trained.model.slate(profile, Context(seen_allowed=False), 10)

    assert set(slate.items.tolist()) <= {0, 1, 3, 4, 5}
    assert not set(fresh.items.tolist()) & set(profile.items.tolist())


def test_given_items_are_all_ranked(trained: TrainedShop) -> None:
    given = np.array([7, 3, 30], np.int32)

    slate = trained.model.rank(trained.test.profiles[0], Context(), given)

    assert sorted(slate.items.tolist()) == [3, 7, 30]


def test_given_items_are_ranked_among_themselves_where_no_ranker_is(trained: TrainedShop) -> None:
    """None of them is in the list of thirty best of the source, so its places there tell nothing."""
    manifest = {**trained.model.manifest, "stage": "blend"}
    blended = replace(trained.model, manifest=manifest, blend={"popular": 1.0}, quotas={"popular": 3})
    profile = trained.test.profiles[0]
    scores = trained.model.sources["popular"].scores(profile, Context())
    given = np.argsort(-scores)[10:16].astype(np.int32)

    slate = blended.rank(profile, Context(), np.sort(given))

    assert slate.items.tolist() == sorted(given.tolist(), key=lambda code: (-scores[code], code))
    assert len({*slate.scores.tolist()}) == 6


def test_a_long_answer_ranks_the_candidates_that_the_ranker_was_taught_on(trained: TrainedShop) -> None:
    """More of each source were others than the ranker knows: ranks it never saw, sources that agree more often."""
    model = replace(trained.model, quotas={"popular": 60, "content": 40, "rp3beta": 20})

    assert model._quotas_for("ranker", None, 100) == model._quotas_for("blend", None, 10) == model.quotas
    assert model._quotas_for("ranker", None, 240) == {"popular": 120, "content": 80, "rp3beta": 40}
    assert model._quotas_for("blend", ("content",), 100) == {"popular": 0, "content": 100, "rp3beta": 0}


def test_a_new_product_is_known_at_once(trained: TrainedShop) -> None:
    n = trained.model.catalog.n_items
    fresh = pd.DataFrame({"item_id": ["i000", "new"], "title": ["", "Product 2"], "category": ["", "even"]})

    more = trained.model.extended(fresh)

    assert more.catalog.item_ids[n:] == ("new",)
    assert more.statistics.n_items == n + 1
    ranked = more.rank(trained.test.profiles[0], Context(), np.array([n, 1], np.int32))
    assert sorted(ranked.items.tolist()) == [1, n]


def test_new_products_are_kin_of_what_a_training_would_find_them_kin_of(trained: TrainedShop) -> None:
    known = trained.model.catalog
    columns = {"category": [known.categories[0], "new/deep", "new", ""], "brand": [known.brands[1], "New", "New", ""]}
    attribute_lists = [
        list(known.attributes[0]) if known.attributes else [],
        ["color=new"],
        ["color=new", "size=new"],
        [],
    ]
    fresh = pd.DataFrame(
        {"item_id": ["a", "b", "c", "d"], "group_id": ["one", "one", "", ""], "attributes": attribute_lists, **columns}
    )

    more = trained.model.extended(fresh)

    for name, codes in categorical_codes(more.catalog).items():
        own = getattr(more.statistics, name)
        assert (own < 0).tolist() == (codes < 0).tolist()
        assert pd.factorize(own)[0].tolist() == pd.factorize(codes)[0].tolist()
    starts, attributes, rarity = attribute_rows(more.catalog, n_known=more.catalog.n_items)
    assert more.statistics.starts.tolist() == starts.tolist()
    assert more.statistics.rarity[more.statistics.attributes].tolist() == rarity[attributes].tolist()
    assert pd.factorize(more.statistics.attributes)[0].tolist() == pd.factorize(attributes)[0].tolist()


def test_a_model_that_knows_the_first_of_the_new_products_compares_only_the_others(
    trained: TrainedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, met = trained.model, list[int]()
    fresh = pd.DataFrame({"item_id": ["new", "newer"], "title": ["Product 2", "Product 4"], "category": ["even"] * 2})
    extend = Content.extend

    def counted(self: Content, catalog: Catalog) -> Content:
        if self.name == "content":
            met.append(catalog.n_items - self.n_items)
        return extend(self, catalog)

    monkeypatch.setattr(Content, "extend", counted)

    first = model.extended(fresh[:1])
    in_steps = model.extended(fresh, before=first)
    at_once = model.extended(fresh)

    assert met == [1, 1, 2]
    own, others = in_steps.sources["content"].arrays, at_once.sources["content"].arrays
    assert all(np.array_equal(own[name], others[name]) for name in others)
    assert model.extended(fresh, before=in_steps).sources["content"] is in_steps.sources["content"]


def test_an_import_of_very_many_new_products_waits_for_the_next_training(
    trained: TrainedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained.model
    n = model.catalog.n_items
    fresh = pd.DataFrame({"item_id": ["new", "newer"], "title": ["Product 2", "Product 4"], "category": ["even"] * 2})
    assert model.extended(fresh).sources["content"].n_items == n + 2

    monkeypatch.setattr("recsys.ranking.extension.MAX_PAIRS", 2 * (n + 2) - 1)
    more = model.extended(fresh)

    assert more.sources["content"] is model.sources["content"]
    assert (more.catalog.n_items, more.statistics.n_items) == (n + 2, n + 2)
    assert len(more.slate(trained.test.profiles[0], Context(), 5, explain=True).items) == 5
    assert sorted(more.rank(trained.test.profiles[0], Context(), np.array([n, 1], np.int32)).items.tolist()) == [1, n]


def test_contributions_are_told_when_asked(trained: TrainedShop) -> None:
    model = trained.model
    slate = model.slate(trained.test.profiles[0], Context(), 3, strategy="ranker", explain=True)

    assert all(slate.contributions)
    assert {name for item in slate.contributions for name in item} <= set(model.ranker.names if model.ranker else ())
