"""What a check says where one number, one group or one word decides."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.model_checks.case import Case, ModelCheck
from recsys.evaluation.model_checks.checks import run_checks
from recsys.evaluation.model_checks.slate_table import CatalogView, SlateTable
from recsys.evaluation.model_checks.verdict import Verdict
from recsys.metrics.intervals import Interval
from tests.recsys.planted import (
    N_ITEMS,
    N_SHOPPERS,
    SHELF,
    SUPPLIER,
    case,
    table_with_hits,
    unfair,
    usual,
)

EVERYBODY = np.full(N_SHOPPERS, True)
FIRST_500 = np.arange(N_SHOPPERS) < 500


def checks_by_name(case: Case) -> dict[str, ModelCheck]:
    return {one.name: one for one in run_checks(case)}


def missing(table: SlateTable, rows: Sequence[int] | np.ndarray) -> SlateTable:
    """Return the table whose shoppers of these rows find nothing."""
    slates = table.slates.copy()
    slates[rows, 0] = -1
    return replace(table, slates=slates)


def test_a_group_that_found_nothing_before_hides_no_other_s_loss() -> None:
    labels = np.where(FIRST_500, "a", "b")
    champion = replace(missing(table_with_hits(EVERYBODY), np.arange(500)), groups={"region": tuple(labels.tolist())})

    checks = checks_by_name(case(missing(champion, np.arange(500, 590)), champion))

    assert "group_loss:region:a" not in checks
    lost = checks["group_loss:region:b"]
    assert (lost.passed, lost.detail) == (False, "region b (1500 shoppers) loses 6.0% of its NDCG@10")
    assert lost.value == pytest.approx(0.06)


def test_a_kind_with_one_group_hides_no_other_kind() -> None:
    halves = np.where(FIRST_500, "a", "b")
    table = replace(usual(), groups={"activity": ("all",) * N_SHOPPERS, "region": tuple(halves.tolist())})

    assert [name for name in checks_by_name(case(table, table)) if name.startswith("group_ratio")] == [
        "group_ratio:region"
    ]


def test_the_worst_over_best_of_a_kind_is_of_its_own_groups() -> None:
    """All of one region find something, in the other every second; by device both halves find as often."""
    region, device = np.where(FIRST_500, "a", "b"), np.where(np.arange(N_SHOPPERS) % 2, "x", "y")
    table = table_with_hits(FIRST_500 | (np.arange(N_SHOPPERS) % 4 < 2))
    table = replace(table, groups={"device": tuple(device.tolist()), "region": tuple(region.tolist())})

    checks = checks_by_name(case(table, table))

    words = [checks[f"group_ratio:{kind}"].detail for kind in ("device", "region")]
    assert "worst over best device group 1.00" in words[0]
    assert "worst over best region group 0.50" in words[1]
    assert ["misses the bar" in one for one in words] == [False, True]


def test_within_the_bar_nobody_is_held_against_the_reference() -> None:
    """Of the reference all find something, so that its own interval is none; here one group of two loses 4 %."""
    champion = table_with_hits(EVERYBODY)

    ratio = checks_by_name(case(missing(champion, np.arange(1, 81, 2)), champion))["group_ratio:activity"]

    assert (ratio.passed, "misses the bar" in ratio.detail) == (True, False)
    assert ratio.detail.startswith("worst over best activity group 0.96 ")
    assert ratio.detail.endswith("reference 1.00")


def test_where_nothing_was_timed_no_latency_is_told() -> None:
    table = replace(usual(), latency_ms=np.empty(0, np.float32))

    assert "latency" not in checks_by_name(case(table, table))


def test_a_lift_on_the_bar_is_within_it() -> None:
    """Shown are one product of popularity 3 and one of popularity 0, wanted ones of popularity 1."""
    slates = np.tile(np.array([0, 1], np.int32), (N_SHOPPERS, 1))
    table = SlateTable(slates, (np.array([2]),) * N_SHOPPERS)
    shelf = CatalogView(np.full(4, -1, np.int32), np.array([3.0, 0.0, 1.0, 1.0]), np.zeros(4, bool), cut=100.0)

    lift = checks_by_name(Case(table, table, shelf, has_champion=True))["popularity_lift"]

    assert (lift.value, lift.limit) == (1.5, 1.5)
    assert lift.detail == "shown items are 1.50 × as popular as wanted ones; reference 1.50"


def test_a_lift_within_the_bar_passes_though_the_reference_s_is_surely_lower() -> None:
    """Shown are products of popularity 3 and 0, by the reference those of popularity 1, as all that is wanted."""
    shown, usually = (np.tile(np.array(own, np.int32), (N_SHOPPERS, 1)) for own in ([0, 1], [2, 3]))
    table, reference = (SlateTable(slates, (np.array([2]),) * N_SHOPPERS) for slates in (shown, usually))
    shelf = CatalogView(np.full(4, -1, np.int32), np.array([3.0, 0.0, 1.0, 1.0]), np.zeros(4, bool), cut=100.0)

    lift = checks_by_name(Case(table, reference, shelf, has_champion=True))["popularity_lift"]

    assert lift.passed
    assert lift.detail == "shown items are 1.50 × as popular as wanted ones; reference 1.00"


def test_a_supplier_that_starves_is_enough_though_none_is_shown_far_beyond_its_share() -> None:
    shelf = replace(SHELF, supplier=np.where(np.arange(N_ITEMS) % 20, 1 + SUPPLIER, 0).astype(np.int32))
    champion = usual()
    starving = replace(champion, slates=champion.slates + np.where(champion.slates % 20, 0, 1).astype(np.int32))

    check = checks_by_name(replace(case(starving, champion), catalog_view=shelf))["supplier_share"]

    assert not check.passed
    assert check.detail.startswith("exposure ÷ catalog share by supplier 0.00–1.20;")


def test_who_is_spared_for_few_shoppers_is_told_the_number_too() -> None:
    few, other = (one.take(np.arange(199)) for one in (unfair(usual()), usual()))

    words = checks_by_name(case(few, other))["supplier_share"].detail

    assert words.startswith("exposure ÷ catalog share by supplier 0.")
    assert words.endswith("; misses the bar, which refuses nobody where fewer than 200 shoppers were asked")


def test_nothing_is_many_times_the_odds_of_nothing() -> None:
    some = table_with_hits(EVERYBODY)
    checks = checks_by_name(
        replace(case(some, missing(some, np.arange(N_SHOPPERS))), expected=Interval(0.0, 0.0, 0.0, 500))
    )

    assert not [name for name in checks if name in ("leak:too_good", "leak:unlike_validation")]


def test_who_is_too_good_is_told_where_to_look_and_nobody_else() -> None:
    some = table_with_hits(np.arange(N_SHOPPERS) % 8 < 2)
    better = replace(some, slates=some.slates.copy())
    better.slates[:, 0] = [own[0] for own in some.targets]

    checks = [checks_by_name(case(one, some))["leak:too_good"] for one in (some, better)]

    assert [one.passed for one in checks] == [True, False]
    assert [one.detail.endswith(": look for the future in its features and in the catalog") for one in checks] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("until", "parts", "late"),
    [
        (100.0, {"plan": 100.0, "statistics": 99.0}, ""),
        (100.0, {"plan": 100.0, "statistics": 100.0}, " (statistics)"),
        (100.0, {"plan": 101.0, "source popular": 102.0, "statistics": 99.0}, " (plan, source popular)"),
        (101.0, {}, ""),
    ],
)
def test_what_learnt_too_late_is_named(until: float, parts: dict[str, float], late: str) -> None:
    table = replace(usual(), fitted_until=until, parts=parts)

    check = checks_by_name(case(table, table))["leak:time"]

    moments = "learnt from rows until 1970-01-01 00:01 UTC{}, the held-out window starts 1970-01-01 00:01 UTC"
    assert (check.passed, check.detail) == (until <= 100 and not late, moments.format(late))


def test_a_verdict_is_kept_in_plain_numbers() -> None:
    checks = [
        ModelCheck("none", True, None, None, "so"),
        ModelCheck("numpy's", bool(np.True_), np.float64(0.5), np.float64(1.0), "so", "at most"),
        ModelCheck("no number", False, float("nan"), float("inf"), "thus", "at least"),
    ]

    verdict = Verdict("popularity", checks)

    assert [(one["value"], one["limit"], one["passed"]) for one in verdict.json()["checks"]] == [
        (None, None, True), (0.5, 1.0, True), (None, None, False),
    ]  # fmt: skip
    assert [type(one["value"]) for one in verdict.json()["checks"]] == [type(None), float, type(None)]
    assert (verdict.passed, verdict.reason) == (False, "no number: thus")
    assert Verdict("popularity", checks[:2]).passed
