"""An increment: what is quick is as if it were trained now, the rest as it was, and known products keep their codes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench import increments as benchmark
from recsys.data.catalogue import Catalogue
from recsys.data.dataset import Dataset, build
from recsys.data.profile import Context, Profile
from recsys.ranking.increment import incremented, renewed
from recsys.ranking.item_statistics import COLUMNS, ItemFacts
from recsys.ranking.model import Bundle
from recsys.sources.registry import make
from tests.recsys.shop_history import DAY, history, products

QUICK = ("covisitation", "popular", "rp3beta", "user_knn")
SLOW = ("content", "svd")


def bundle_of(dataset: Dataset) -> Bundle:
    rows, until = dataset.interactions, float(dataset.interactions.times[-1])
    names = (*QUICK, *SLOW)
    return Bundle(
        catalogue=dataset.catalogue,
        sources={name: make(name).fit(rows, dataset.catalogue) for name in names},
        facts=ItemFacts.fit(rows, dataset.catalogue, until=until),
        ranker=None,
        quotas=dict.fromkeys(names, 20),
        blend=dict.fromkeys(names, 1.0),
        manifest={"rung": "blend", "single": "rp3beta", "until": until},
    )


@pytest.fixture(scope="module")
def morning() -> Bundle:
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


def test_quick_sources_and_facts_are_what_a_training_of_now_would_fit(morning: Bundle) -> None:
    now = build(history(), products())
    fresh = bundle_of(now)

    found = incremented(morning, now.interactions, now.catalogue)

    for name in QUICK:
        for key, array in fresh.sources[name].arrays.items():
            np.testing.assert_array_equal(found.sources[name].arrays[key], array, err_msg=f"{name} {key}")
    np.testing.assert_array_equal(found.facts.table, fresh.facts.table)
    assert found.facts.until == fresh.facts.until > morning.facts.until
    assert all(found.sources[name] is morning.sources[name] for name in SLOW)
    assert found.manifest["trained_until"] == morning.facts.until
    assert list(found.sources) == list(morning.sources)


def test_a_product_that_appeared_since_is_recommended_for_what_it_sells(morning: Bundle) -> None:
    listed = pd.concat([products().assign(price=9.0), products(items=1).assign(item_id="a-new-one")])
    now = build(sold("a-new-one", by=30), listed)

    found = incremented(morning, now.interactions, now.catalogue)

    code = len(morning.catalogue.item_ids)
    assert found.catalogue.item_ids == (*morning.catalogue.item_ids, "a-new-one")
    with_it = Context(items=(found.catalogue.item_ids.index("i000"),))
    assert found.sources["covisitation"].recommend(Profile.empty(now=0.0), with_it, 1).items.tolist() == [code]
    assert code in found.slate(Profile.empty(now=found.facts.until), Context(), 10, strategy="popular").items
    assert found.sources["content"].n_items == code + 1
    assert found.facts.table[0, COLUMNS.index("price")] == pytest.approx(np.log1p(9.0)), "today's price"


def test_products_that_are_gone_keep_their_codes(morning: Bundle) -> None:
    before = morning.catalogue
    now = build(history()[lambda rows: rows["item_id"] != "i000"], products()[1:].assign(title="Today"))

    catalogue, codes = renewed(before, now.catalogue)

    assert catalogue.item_ids == before.item_ids
    assert catalogue.titles[:2] == ("", "Today"), "no word of what is gone counts among the others"
    assert [catalogue.item_ids[code] for code in codes] == list(now.catalogue.item_ids)


def test_columns_that_the_catalogue_does_not_have() -> None:
    bare, dated = Catalogue(("a",)), Catalogue(("b",), titles=("B",), first_seen=np.array([5.0]))

    forth, _ = renewed(bare, dated)
    back, _ = renewed(dated, bare)

    assert (forth.titles, back.titles) == (("", "B"), ())
    assert forth.first_seen is not None
    np.testing.assert_array_equal(forth.first_seen, [np.nan, 5.0])
    assert back.first_seen is None
    assert forth.prices is None


def test_facts_after_products_came_and_went_are_those_of_a_training(morning: Bundle) -> None:
    rows = history()[lambda rows: rows["item_id"] != "i000"]
    now = build(rows, pd.concat([products()[1:], products(items=1).assign(item_id="new", price=77.0)]))
    fresh = ItemFacts.fit(now.interactions, now.catalogue, until=float(now.interactions.times[-1]))

    found = incremented(morning, now.interactions, now.catalogue)

    codes = [found.catalogue.item_ids.index(name) for name in now.catalogue.item_ids]
    same = [column for column, name in enumerate(COLUMNS) if name != "category_newness"]
    np.testing.assert_allclose(found.facts.table[codes][:, same], fresh.table[:, same], rtol=1e-6)


def test_an_increment_is_an_artefact_and_can_learn_again(morning: Bundle, tmp_path: Path) -> None:
    now = build(sold("a-new-one", by=5), products())
    found = incremented(morning, now.interactions, now.catalogue)

    hashes = {found.save(tmp_path / name) for name in ("one", "two")}
    loaded = Bundle.load(tmp_path / "one", expected=hashes.pop())
    again = incremented(loaded, now.interactions, now.catalogue)

    assert not hashes
    profile, asked = Profile.empty(now=found.facts.until), Context()
    assert again.slate(profile, asked, 10).items.tolist() == found.slate(profile, asked, 10).items.tolist()


def test_nothing_to_learn_from_is_an_error(morning: Bundle) -> None:
    rows = build(history(), products()).interactions
    nothing = rows.some(slice(0))

    with pytest.raises(ValueError, match="nothing to learn from"):
        incremented(morning, nothing, morning.catalogue)


def test_the_benchmark_tells_what_it_brings_and_costs(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.report(build(history(), products()), new_only=False, names=("covisitation", "popular"))

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" NDCG@10")[0].strip() for line in lines[1:4]] == [
        "as trained",
        "with an increment",
        "trained again",
    ]
    assert lines[4].startswith("increment: ")
