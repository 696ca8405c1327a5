"""Sources of optional extras are named by the shop; what is not there is said before anything is learnt."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data import dataset as datasets
from recsys.data.dataset import build
from recsys.data.pictures import pictures_in
from recsys.data.profile import Context
from recsys.evaluation.evaluate import Options, evaluate, folds_of
from recsys.evaluation.svd_as_feature import svd_feature_gain
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.content import Content
from recsys.sources.fitting import fit_all
from recsys.sources.registry import RECOMMENDERS, make
from recsys.sources.sentences import Sentences
from recsys.sources.svd import SVD
from recsys.training.plan import (
    OPTIONAL,
    Plan,
    ranked_sources,
    unranked_sources,
)
from recsys.training.ranking_dataset import ranking_dataset
from recsys.training.refit import refit
from recsys.training.training import test_candidates as candidates_of
from tests.recsys import shops
from tests.recsys.shop_history import history, products

SEEN = np.eye(4, dtype=np.float32)


def test_only_named_extras_are_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sentences, "installed", classmethod(lambda cls: True))

    assert set(ranked_sources()).isdisjoint(OPTIONAL)
    assert set(ranked_sources(["sentences"])) == {*ranked_sources(), "sentences"}
    assert set(unranked_sources()) & set(OPTIONAL) == {"nmf", "svd"}, "placements ask for it, ranked or not"


def test_svd_is_ranked_where_it_is_named(tmp_path: Path) -> None:
    dataset = build(history(shoppers=20), products())
    folds = folds_of(dataset, Options())
    validation, test = folds.validation, folds.test
    names = ("popular", "svd")
    plan = Plan(
        configs={"svd": {"factors": 8, "epochs": 3}},
        quotas=dict.fromkeys(names, 20),
        blend=dict.fromkeys(names, 1.0),
        single="popular",
        stage="ranker",
        members=[({}, 5)],
    )
    sources = fit_all(plan.sources(), validation.past, dataset.catalog)
    statistics = ItemStatistics.fit(validation.past, dataset.catalog, until=validation.until)
    datasets = [ranking_dataset(sources, statistics, validation, quotas=plan.quotas, seed=7)]

    model = refit(plan, test.past, dataset.catalog, datasets, until=test.until, unranked=True)

    assert asdict(model.sources["svd"].config)["factors"] == 8, (
        "as it is ranked, not as placements get it where it is not"
    )
    digest = model.save(tmp_path / "model")
    loaded, profile = HybridModel.load(tmp_path / "model", expected=digest), test.profiles[0]
    slate = model.slate(profile, Context(), 10, strategy="hybrid")
    assert loaded.slate(profile, Context(), 10, strategy="hybrid").items.tolist() == slate.items.tolist()
    assert len(slate) == 10
    grown = loaded.extended(pd.DataFrame({"item_id": ["new"], "title": ["Product 7 in red"], "category": ["odd"]}))
    assert len(grown.slate(profile, Context(), 10, strategy="hybrid")) == 10
    assert len(grown.slate(profile, Context(), 10, strategy="svd")) == 10
    assert svd_feature_gain(model, test, candidates_of(model, test), SVD()) == {}, "the ranker sees it anyway"


@pytest.mark.parametrize(("name", "words"), [("ease", "is no optional source"), ("sentences", "not installed: gt_all")])
def test_what_cannot_be_trained_is_named(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RECOMMENDERS["sentences"], "installed", classmethod(lambda cls: False))

    with pytest.raises(ValueError, match=f"{name} .*{words}"):
        ranked_sources([name])


def test_pictures_are_found_by_the_products_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "i001.JPG").write_bytes(b"")
    (tmp_path / "i001.txt").write_bytes(b"")
    result: list[Path | None] = []

    def read(paths: list[Path | None]) -> np.ndarray:
        result.extend(paths)
        return np.zeros((len(paths), 2), np.float32)

    monkeypatch.setattr(datasets, "image_vectors", read)

    images = build(history(), products(), pictures=pictures_in(tmp_path)).catalog.images

    assert images is not None
    assert images.shape == (40, 2)
    assert [path.name for path in result if path] == ["i001.JPG"]
    assert result.index(tmp_path / "i001.JPG") == 1
    with pytest.raises(ValueError, match="there is no folder of pictures"):
        build(history(), products(), pictures=pictures_in(tmp_path / "none"))


def test_a_product_that_appears_where_others_have_pictures_is_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = shops.catalog(4), shops.catalog(5)
    object.__setattr__(before, "images", SEEN)

    model = make("content", pictures=1.0).fit(shops.interactions([], n_users=0), before)
    assert isinstance(model, Content)

    assert model.extend(after).arrays["dense"].tolist() == [*SEEN.tolist(), [0.0] * 4]


def test_the_evaluation_takes_pictures_into_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "i001.png").write_bytes(b"")
    looks = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0).astype(np.float32)
    monkeypatch.setattr(datasets, "image_vectors", lambda paths: looks)

    result = evaluate(
        build(history(shoppers=20), pictures=pictures_in(tmp_path)), Options(names=("content", "popular"))
    )

    assert result.report["ours"]["test"]["content"]["warm"]["ndcg@10"]["n"] > 0
