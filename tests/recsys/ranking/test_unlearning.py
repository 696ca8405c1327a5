"""Unlearning: the counts of a model without erased shoppers are, by hash, those of a rebuild without them."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.interactions import Interactions
from recsys.data.item_fingerprints import changed_items, item_fingerprints
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.ranking.unlearning import following_sources, unlearn
from recsys.sources import counted
from recsys.sources.registry import make
from recsys.sources.scoring import Scoring
from tests.recsys.shop_history import DAY, history, products

COUNTED = ("covisitation", "item_knn", "rp3beta", "session_knn")
OTHERS = ("bought_together", "buy_again", "complements", "popular", "prior", "trending")
SLOW = ("als", "user_knn")
ITEMS, SHOPPERS = 120, 90


def source(name: str) -> Scoring:
    # Short rows: most are full, so that what had no place for counts too.
    return make(name, **({"neighbors": 7} if name in COUNTED else {}))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """The history, with a shopper who came last."""
    rows = history(shoppers=SHOPPERS, items=ITEMS, visits=8)
    last = rows["timestamp"].max() + 3 * DAY
    more = [("u-last", f"i{item:03d}", last + item, "view", 1.0) for item in range(5)]
    return pd.concat([rows, pd.DataFrame(more, columns=rows.columns)], ignore_index=True)


def dataset_without(frame: pd.DataFrame, shoppers: Collection[str]) -> Dataset:
    return build(frame[~frame["user_id"].isin(shoppers)], products(items=ITEMS))


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> HybridModel:
    dataset = dataset_without(frame, ())
    rows, until = dataset.interactions, float(dataset.interactions.times[-1])
    names = (*COUNTED, *OTHERS, *SLOW)
    return HybridModel(
        catalog=dataset.catalog,
        sources={name: source(name).fit(rows, dataset.catalog) for name in names},
        statistics=ItemStatistics.fit(rows, dataset.catalog, until=until),
        ranker=None,
        quotas=dict.fromkeys(names, 20),
        blend=dict.fromkeys(names, 1.0),
        manifest={"stage": "blend", "single": "rp3beta", "until": until},
        fingerprints=item_fingerprints(rows, dataset.catalog.n_items),
    )


def rebuild(model: HybridModel, rows: Interactions) -> HybridModel:
    """Return the counts of the model learned from nothing but the rows, with the model's clock."""
    past = replace(rows, clock=model.statistics.until)
    fresh = {name: source(name).fit(past, model.catalog) for name in (*COUNTED, *OTHERS)}
    statistics = ItemStatistics.fit(past, model.catalog, until=model.statistics.until, rated=False)
    return replace(
        model,
        sources={name: fresh.get(name, own) for name, own in model.sources.items()},
        statistics=replace(statistics, stars=model.statistics.stars),
        fingerprints=item_fingerprints(past, model.catalog.n_items),
    )


@pytest.mark.parametrize(
    "erased", [("u000",), ("u-last",), ("u003", "u-last", "u050"), tuple(f"u{n:03d}" for n in range(60))]
)
def test_a_model_without_erased_shoppers_is_a_rebuild_without_them(
    model: HybridModel, frame: pd.DataFrame, erased: tuple[str, ...], tmp_path: Path
) -> None:
    rest = dataset_without(frame, erased)

    result = unlearn(model, rest.interactions, rest.catalog.item_ids)

    expected = rebuild(model, rest.interactions)
    for name, own in expected.sources.items():
        for key, array in own.arrays.items():
            np.testing.assert_array_equal(result.sources[name].arrays[key], array, err_msg=f"{name} {key}")
    assert result.save(tmp_path / "unlearned") == expected.save(tmp_path / "rebuilt") != model.save(tmp_path / "before")
    assert all(result.sources[name] is model.sources[name] for name in SLOW)


def test_one_shopper_changes_only_some_rows(
    model: HybridModel, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = dataset_without(frame, ["u000"])
    monkeypatch.setattr(counted, "learned", None)

    result = unlearn(model, rest.interactions, rest.catalog.item_ids)

    assert result.sources["item_knn"].arrays["values"].shape


def test_shoppers_one_after_another_are_shoppers_at_once(
    model: HybridModel, frame: pd.DataFrame, tmp_path: Path
) -> None:
    gone, result = [], model
    for shopper in ("u010", "u011", "u012"):
        gone.append(shopper)
        rest = dataset_without(frame, gone)
        result = unlearn(result, rest.interactions, rest.catalog.item_ids)

    at_once = unlearn(model, rest.interactions, rest.catalog.item_ids)
    assert result.save(tmp_path / "each") == at_once.save(tmp_path / "all")


def test_later_rows_and_unknown_products_are_left_out(model: HybridModel, frame: pd.DataFrame) -> None:
    later = frame[:4].assign(
        timestamp=frame["timestamp"].max() + DAY, user_id="u-new", item_id=["i001", "i002", "z", "z"]
    )
    now = build(pd.concat([frame, later]), pd.concat([products(items=1).assign(item_id="a"), products(items=ITEMS)]))

    result = unlearn(model, now.interactions, now.catalog.item_ids)

    assert result.sources == model.sources, "nobody was erased"
    assert result.statistics is model.statistics


def test_a_version_of_an_earlier_release_is_learned_anew(model: HybridModel, frame: pd.DataFrame) -> None:
    rest = dataset_without(frame, ["u001"])

    result = unlearn(replace(model, fingerprints=None), rest.interactions, rest.catalog.item_ids)

    expected = unlearn(model, rest.interactions, rest.catalog.item_ids)
    for key, array in expected.sources["rp3beta"].arrays.items():
        np.testing.assert_array_equal(result.sources["rp3beta"].arrays[key], array, err_msg=key)
    assert result.fingerprints is not None


def test_what_follows_with_the_next_training(model: HybridModel) -> None:
    assert following_sources(model) == list(SLOW)


def test_counts_do_not_depend_on_the_order_of_shoppers(model: HybridModel, frame: pd.DataFrame) -> None:
    rows = dataset_without(frame, ()).interactions
    other_codes = replace(rows, users=(rows.n_users - 1 - rows.users).astype(np.int32))

    for name in COUNTED:
        result = source(name).fit(other_codes, model.catalog)
        for key, array in model.sources[name].arrays.items():
            np.testing.assert_array_equal(result.arrays[key], array, err_msg=f"{name} {key}")


def test_fingerprints_find_a_change_of_any_row_of_a_shopper(frame: pd.DataFrame) -> None:
    rows = dataset_without(frame, ()).interactions
    before, times = item_fingerprints(rows, ITEMS), rows.times.copy()
    times[-1] += 1e-3

    changed = changed_items(before, item_fingerprints(replace(rows, times=times), ITEMS))

    assert changed.tolist() == np.unique(rows.items[rows.users == rows.users[-1]]).tolist()
