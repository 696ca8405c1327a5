"""An increment: what is quick is as if it were trained now, the rest as it was, and known products keep their codes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import increments as benchmark
from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset, build
from recsys.data.profile import Context, Profile
from recsys.ranking.increment import fit_increment, merge_catalogs
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.registry import make
from tests.recsys.shop_history import DAY, history, products

QUICK = ("covisitation", "popular", "rp3beta", "user_knn")
SLOW = ("content", "svd")


def bundle_of(dataset: Dataset) -> HybridModel:
    rows, until = dataset.interactions, float(dataset.interactions.times[-1])
    names = (*QUICK, *SLOW)
    return HybridModel(
        catalog=dataset.catalog,
        sources={name: make(name).fit(rows, dataset.catalog) for name in names},
        statistics=ItemStatistics.fit(rows, dataset.catalog, until=until),
        ranker=None,
        quotas=dict.fromkeys(names, 20),
        blend=dict.fromkeys(names, 1.0),
        manifest={"stage": "blend", "single": "rp3beta", "until": until},
    )


@pytest.fixture(scope="module")
def morning() -> HybridModel:
    """A model of the shop as it was before the last day."""
    rows = history()
    return bundle_of(build(rows[rows["timestamp"] < rows["timestamp"].max() - DAY], products()))


def sold(item: str, *, by: int) -> pd.DataFrame:
    """Return the shop's whole history and, after it, sales of one product together with the product i000."""
    rows = history()
    late = rows["timestamp"].max()
    more = [
        (f"u{shopper:03d}", name, late + 60 * shopper + at, "purchase", 1.0)
        for shopper in range(by)
        for at, name in enumerate(("i000", item))
    ]
    return pd.concat([rows, pd.DataFrame(more, columns=rows.columns)], ignore_index=True)


def test_quick_sources_and_facts_are_what_a_training_of_now_would_fit(morning: HybridModel) -> None:
    now = build(history(), products())
    fresh = bundle_of(now)

    result = fit_increment(morning, now.interactions, now.catalog)

    for name in QUICK:
        for key, array in fresh.sources[name].arrays.items():
            np.testing.assert_array_equal(result.sources[name].arrays[key], array, err_msg=f"{name} {key}")
    np.testing.assert_array_equal(result.statistics.table, fresh.statistics.table)
    assert result.statistics.until == fresh.statistics.until > morning.statistics.until
    assert all(result.sources[name] is morning.sources[name] for name in SLOW)
    assert result.manifest["trained_until"] == morning.statistics.until
    assert list(result.sources) == list(morning.sources)


def test_a_product_that_appeared_since_is_recommended_for_what_it_sells(morning: HybridModel) -> None:
    listed = pd.concat([products().assign(price=9.0), products(items=1).assign(item_id="a-new-one")])
    now = build(sold("a-new-one", by=30), listed)

    result = fit_increment(morning, now.interactions, now.catalog)

    code = len(morning.catalog.item_ids)
    assert result.catalog.item_ids == (*morning.catalog.item_ids, "a-new-one")
    with_it = Context(items=(result.catalog.item_ids.index("i000"),))
    assert result.sources["covisitation"].recommend(Profile.empty(now=0.0), with_it, 1).items.tolist() == [code]
    assert code in result.slate(Profile.empty(now=result.statistics.until), Context(), 10, strategy="popular").items
    assert result.sources["content"].n_items == code + 1
    assert result.statistics.table[0, COLUMNS.index("price")] == pytest.approx(np.log1p(9.0)), "today's price"


def test_products_that_are_gone_keep_their_codes(morning: HybridModel) -> None:
    before = morning.catalog
    now = build(history()[lambda rows: rows["item_id"] != "i000"], products()[1:].assign(title="Today"))

    catalog, codes = merge_catalogs(before, now.catalog)

    assert catalog.item_ids == before.item_ids
    assert catalog.titles[:2] == ("", "Today"), "no word of what is gone counts among the others"
    assert [catalog.item_ids[code] for code in codes] == list(now.catalog.item_ids)


def test_columns_that_the_catalog_does_not_have() -> None:
    bare, dated = Catalog(("a",)), Catalog(("b",), titles=("B",), first_seen=np.array([5.0]))

    forth, _ = merge_catalogs(bare, dated)
    back, _ = merge_catalogs(dated, bare)

    assert (forth.titles, back.titles) == (("", "B"), ())
    assert forth.first_seen is not None
    np.testing.assert_array_equal(forth.first_seen, [np.nan, 5.0])
    assert back.first_seen is None
    assert forth.prices is None


def test_facts_after_products_came_and_went_are_those_of_a_training(morning: HybridModel) -> None:
    rows = history()[lambda rows: rows["item_id"] != "i000"]
    now = build(rows, pd.concat([products()[1:], products(items=1).assign(item_id="new", price=77.0)]))
    fresh = ItemStatistics.fit(now.interactions, now.catalog, until=float(now.interactions.times[-1]))

    result = fit_increment(morning, now.interactions, now.catalog)

    codes = [result.catalog.item_ids.index(name) for name in now.catalog.item_ids]
    same = [column for column, name in enumerate(COLUMNS) if name != "category_newness"]
    np.testing.assert_allclose(result.statistics.table[codes][:, same], fresh.table[:, same], rtol=1e-6)


def test_an_increment_is_an_artifact_and_can_learn_again(morning: HybridModel, tmp_path: Path) -> None:
    now = build(sold("a-new-one", by=5), products())
    result = fit_increment(morning, now.interactions, now.catalog)

    hashes = {result.save(tmp_path / name) for name in ("one", "two")}
    loaded = HybridModel.load(tmp_path / "one", expected=hashes.pop())
    again = fit_increment(loaded, now.interactions, now.catalog)

    assert not hashes
    profile, context = Profile.empty(now=result.statistics.until), Context()
    assert again.slate(profile, context, 10).items.tolist() == result.slate(profile, context, 10).items.tolist()


def test_nothing_to_learn_from_is_an_error(morning: HybridModel) -> None:
    rows = build(history(), products()).interactions
    nothing = rows.select(slice(0))

    with pytest.raises(ValueError, match="nothing to learn from"):
        fit_increment(morning, nothing, morning.catalog)


def test_the_benchmark_tells_what_it_brings_and_costs(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.report(build(history(), products()), new_only=False, names=("covisitation", "popular"))

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" NDCG@10")[0].strip() for line in lines[1:4]] == [
        "as trained",
        "with an increment",
        "trained again",
    ]
    assert lines[4].startswith("increment: ")
