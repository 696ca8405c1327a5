"""The numbers of fairness, counted by hand."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from recsys.data.catalog import Catalog
from recsys.data.listing import listed_at
from recsys.evaluation.model_checks.case import Case, Limits
from recsys.evaluation.model_checks.checks import run_checks
from recsys.evaluation.model_checks.fairness import (
    exposure_draws,
    has_new_items,
    has_suppliers,
    lift,
    mean_popularity,
    new_item_share,
    significantly_above,
    supplier_spread,
    worst_over_best,
)
from recsys.evaluation.model_checks.slate_table import CatalogView, SlateTable, suppliers
from recsys.evaluation.model_checks.verdict import read_case, write_case
from recsys.metrics.beyond_accuracy import coverage
from recsys.metrics.intervals import Interval

EXPOSURE = np.array([6.0, 2.0, 0.0, 0.0])
POPULARITY = np.array([10.0, 2.0, 4.0, 1.0])


def test_coverage_and_the_share_of_new_items() -> None:
    assert coverage(EXPOSURE) == 0.5
    assert new_item_share(EXPOSURE, np.array([False, True, True, False])) == 0.25


def test_lift_is_the_popularity_of_what_is_shown_over_what_is_wanted() -> None:
    assert mean_popularity(EXPOSURE, POPULARITY) == 8.0
    assert lift(EXPOSURE, np.array([2, 2, 2]), POPULARITY) == 2.0
    assert lift(EXPOSURE, np.array([], np.int64), POPULARITY) == 0.0
    assert lift(EXPOSURE, np.array([1]), np.array([10.0, 0.0, 4.0, 1.0])) == 0.0, "nobody had touched what is wanted"


def test_nothing_shown_is_no_lift() -> None:
    assert lift(np.zeros(4), np.array([2]), POPULARITY) == 0.0


@pytest.mark.parametrize(("n_items", "expected"), [(49, False), (50, True)])
def test_shares_tell_something_of_fifty_products_of_which_two_suppliers_or_some_new_are_known(
    n_items: int, expected: bool
) -> None:
    def shelf(*supplier: int, new: bool) -> CatalogView:
        return CatalogView(
            np.resize(np.array(supplier, np.int32), n_items), np.ones(n_items), np.arange(n_items) < new, cut=0.0
        )

    assert has_suppliers(shelf(0, 1, new=False)) is expected
    assert not has_suppliers(shelf(0, -1, new=True))
    assert has_new_items(shelf(0, new=True)) is expected
    assert not has_new_items(shelf(0, 1, new=False))


def test_what_is_sold_no_more_makes_no_shelf_larger() -> None:
    supplier, new = (np.arange(90) % 2).astype(np.int32), np.arange(90) < 9

    result = [(has_suppliers(one), has_new_items(one)) for one in (
        CatalogView(supplier, np.ones(90), new, cut=0.0, n_absent=absent) for absent in (40, 41)
    )]  # fmt: skip

    assert result == [(True, True), (False, False)]


def test_the_worst_group_is_held_against_the_best_and_who_finds_nothing_against_anybody() -> None:
    members = [np.arange(0, 500), np.arange(500, 1_000), np.arange(1_000, 1_500)]

    def of(*means: float) -> tuple[float, float]:
        return worst_over_best(np.repeat(means, 500), members)

    assert of(0.4, 0.1, 0.2) == pytest.approx((0.25, 0.25))
    assert of(0.4, 0.0, 0.2) == (0.0, 0.0)
    assert of(0.0, 0.0, 0.0)[1] == 1.0
    low, point = worst_over_best(np.random.default_rng(1).random(1_500), members)
    assert point - 0.1 < low < point


def test_worse_beyond_chance_is_what_nineteen_in_twenty_draws_find_worse_than_the_slack() -> None:
    gaps = np.where(np.arange(1_000) < 960, 0.03, 0.01)

    assert significantly_above(gaps, slack=0.02)
    assert not significantly_above(np.sort(gaps)[:700], slack=0.02)  # 40 of 700
    assert not significantly_above(np.full(200, 0.02), slack=0.02)
    assert not significantly_above(np.empty(0), slack=0.02)


def test_suppliers_get_their_exposure_over_their_share_of_the_catalog() -> None:
    low, high, gap = supplier_spread(EXPOSURE, np.array([0, 1, 1, -1], np.int32))

    # One of three known products gets 6 of 8 places, the two others 2.
    assert [low, high] == pytest.approx([0.375, 2.25])
    assert gap == pytest.approx((np.log(2.25) + 2 * np.log(1 / 0.375)) / 3)
    # Who has no product any more has no share, and who is not shown at all counts as a thousandth of it.
    assert supplier_spread(EXPOSURE, np.array([1, 3, 3, -1], np.int32)) == (low, high, gap)
    assert supplier_spread(EXPOSURE, np.array([0, 0, 1, 1], np.int32)) == pytest.approx((0.0, 2.0, np.log(2_000) / 2))


def test_a_supplier_is_the_attribute_of_that_name_or_else_the_brand() -> None:
    shop = Catalog(
        ("a", "b", "c"), brands=("Nord", "Nord", ""), attributes=((), ("color=red", "supplier=Acme"), ("color=red",))
    )

    assert suppliers(shop).tolist() == [1, 0, -1]
    shelf = CatalogView.of(replace(shop, first_seen=np.array([9.0, 1.0, 1.0])), popularity=np.ones(3), cut=5.0)
    assert shelf.supplier.tolist() == [-1, 0, -1], "what was not there yet is no supplier's"


def test_what_appeared_within_thirty_days_before_the_cut_is_new_and_little_shelves_tell_nothing() -> None:
    days = np.array([-31.0, -30.0, 0.0, 1.0, np.nan])
    shop = Catalog(tuple("abcde"), first_seen=days * 86_400)

    shelf = CatalogView.of(shop, popularity=np.ones(5), cut=0.0)

    assert shelf.new.tolist() == [False, True, True, False, False]
    assert shelf.new_item_share == 2 / 4  # one of the five was not there yet
    assert not has_new_items(shelf)
    assert not has_suppliers(shelf)
    sold_out = replace(shop, titles=("Rug", "Lamp", "Mug", "Bowl", ""))  # of the last one only its sales are known
    left = CatalogView.of(sold_out, popularity=np.ones(5), cut=0.0)
    assert left.new_item_share == 2 / 3
    gone = CatalogView.of(
        replace(shop, removed_at=np.array([np.nan, -1.0, np.nan, np.nan, np.nan])), popularity=np.ones(5), cut=0.0
    )
    assert gone.new.tolist() == [False, False, True, False, False], "what was taken out before the cut is not new"
    assert left.listed_exposure(np.array([2.0, 0.0, 1.0, 4.0, 9.0])).tolist() == [2.0, 0.0, 1.0]


def test_what_could_be_shown_is_the_same_by_the_whole_catalog_and_by_that_of_the_moment() -> None:
    """The trade-off curve asks the one, the gate the other; a file of products may lack titles, in part or all."""
    seen = np.array([-1.0, -1.0, 1.0, np.nan])
    categorized = Catalog(tuple("abcd"), categories=("A", "B", "C", ""), first_seen=seen)
    branded = Catalog(tuple("abcd"), titles=("",) * 4, brands=("A", "B", "C", ""), first_seen=seen)
    for shop in (categorized, branded):
        assert listed_at(shop, 0.0).tolist() == listed_at(shop.at(0.0), 0.0).tolist() == [True, True, False, False]

    untitled = Catalog(tuple("ab"), titles=("Rug", ""), categories=("", "Lamps"))
    assert listed_at(untitled, 0.0).all()
    assert listed_at(Catalog(tuple("ab")), 0.0).all(), "where nothing is told, nothing is sold no more"


def test_shoppers_are_drawn_with_all_their_answers() -> None:
    slates = np.array([[0], [0], [1], [-1]], np.int32)

    exposures = np.array(list(exposure_draws(slates, 2, shoppers=np.array([5, 5, 7, 7]))))

    assert {tuple(one) for one in exposures.tolist()} == {(4.0, 0.0), (2.0, 1.0), (0.0, 2.0)}
    behind_the_tenth = np.concatenate([slates, np.full((4, 9), -1, np.int32), slates], axis=1)
    again = np.array(list(exposure_draws(behind_the_tenth, 2, shoppers=np.array([5, 5, 7, 7]))))
    assert again.tolist() == exposures.tolist()
    assert {tuple(one) for one in exposure_draws(slates[:2], 3)} == {(2.0, 0.0, 0.0)}, (
        "what nobody is shown is an item too"
    )


def test_a_kept_table_is_in_no_order_of_shoppers_and_each_keeps_what_is_theirs() -> None:
    slates = np.arange(40, dtype=np.int32)[:, None]
    targets, labels = tuple(np.array([own]) for own in range(40)), tuple(str(own) for own in range(40))
    table = SlateTable(slates, targets, {"region": labels})
    shelf = CatalogView(np.zeros(40, np.int32), np.ones(40), np.zeros(40, bool), 0.0)

    whole = Case(challenger=table, reference=table, catalog_view=shelf, has_champion=True)
    case = whole.in_hash_order()

    order = case.challenger.slates[:, 0].tolist()
    assert order != list(range(40))
    assert sorted(order) == list(range(40))
    assert case.reference.slates[:, 0].tolist() == order
    assert [int(own[0]) for own in case.challenger.targets] == order
    assert [int(own) for own in case.challenger.groups["region"]] == order


@pytest.mark.parametrize("listed", [np.array([True, False, True]), None], ids=["one_case", "of before"])
def test_a_kept_table_keeps_what_could_be_shown(tmp_path: Path, listed: np.ndarray | None) -> None:
    table = SlateTable(np.array([[0, 1]], np.int32), (np.array([0]),))
    shelf = CatalogView(np.zeros(3, np.int32), np.ones(3), np.zeros(3, bool), 0.0, 1, listed)
    case = Case(challenger=table, reference=table, catalog_view=shelf, has_champion=True)

    write_case(tmp_path / "table", case)

    kept = read_case(tmp_path / "table")
    coverages = [{one.name: one.value for one in run_checks(one_case)}["coverage"] for one_case in (case, kept)]
    assert coverages == [2 / 3 if listed is None else 1 / 2] * 2


def test_a_kept_table_keeps_all_that_is_judged(tmp_path: Path) -> None:
    targets = (np.array([0]), np.array([1, 2]))
    challenger = SlateTable(
        np.array([[0, 1], [2, -1]], np.int32),
        targets,
        {"region": ("north", "")},
        latency_ms=np.array([2.0, 30.0], np.float32),
        fitted_until=5.0,
        parts={"plan": 5.0, "statistics": 4.0},
    )
    reference = SlateTable(np.array([[1, 0], [1, 2]], np.int32), targets, challenger.groups, fitted_until=3.0)
    shelf = CatalogView(np.array([0, 1, -1], np.int32), np.array([3.0, 2.0, 0.0]), np.array([False, False, True]), 6.0)
    promised = Interval(0.2, 0.1, 0.3, 60)
    case = Case(challenger, reference, shelf, True, Limits(latency_p99_ms=9.0), promised, reference_stage="blend")

    write_case(tmp_path / "table", case)

    kept = read_case(tmp_path / "table")
    texts = [json.dumps(asdict(one), default=np.ndarray.tolist, sort_keys=True) for one in (kept, case)]
    assert texts[0] == texts[1]
    nobody = replace(case, challenger=challenger.take(np.empty(0, np.int64)), reference=reference)
    write_case(tmp_path / "nobody", nobody)
    assert read_case(tmp_path / "nobody").challenger.targets == ()


def test_a_kept_table_is_judged_in_the_same_order(tmp_path: Path) -> None:
    labels = ("one", "other") * 500
    groups = {"region": labels, "device": labels}
    table = SlateTable(np.zeros((1_000, 1), np.int32), (np.array([0]),) * 1_000, groups)
    shelf = CatalogView(np.zeros(3, np.int32), np.ones(3), np.zeros(3, bool), 0.0)
    case = Case(challenger=table, reference=table, catalog_view=shelf, has_champion=True)

    write_case(tmp_path / "table", case)

    assert run_checks(read_case(tmp_path / "table")) == run_checks(case)


def test_whoever_came_first_a_kept_table_is_the_same() -> None:
    rng = np.random.default_rng(3)
    slates = rng.permuted(np.tile(np.arange(50, dtype=np.int32), (300, 1)), axis=1)[:, :10]
    table = SlateTable(slates, tuple(own[:1].astype(np.int64) for own in rng.integers(0, 50, (300, 1))))
    other = table.take(rng.permutation(300))
    shelf = CatalogView(np.zeros(50, np.int32), np.ones(50), np.zeros(50, bool), 0.0)

    cases = [Case(own, own, shelf, has_champion=True).in_hash_order() for own in (table, other)]

    assert cases[0].challenger.slates.tolist() == cases[1].challenger.slates.tolist()
    assert run_checks(cases[0]) == run_checks(cases[1])


def test_the_bars_of_the_gate_are_those_of_its_page() -> None:
    assert asdict(Limits()) == {
        "group_loss": 0.05,
        "group_ratio": 0.80,
        "supplier_low": 0.80,
        "supplier_high": 1.25,
        "gini_slack": 0.02,
        "coverage": 0.95,
        "popularity_lift": 1.5,
        "new_items": 0.5,
        "absolute_slack": 0.02,
        "latency_p99_ms": 25.0,
        "leak_factor": 3.0,
    }
