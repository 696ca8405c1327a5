"""Planted models against one champion: each is refused for its own fault and no other."""

from dataclasses import replace

import numpy as np
import pytest

from personalization.judging.checks import Case, judge
from personalization.judging.slates import Shelf, SlateTable

N_SHOPPERS, N_ITEMS, K = 2_000, 400, 10
SUPPLIER = (np.arange(N_ITEMS) % 4).astype(np.int32)


def table_with_hits(hit: np.ndarray) -> SlateTable:
    """Return slates of K items, spread over the catalogue, whose first item is the target where `hit` says so."""
    rows = np.arange(N_SHOPPERS)[:, None]
    slates = ((rows * 7 + np.arange(K)[None, :] * 13) % N_ITEMS).astype(np.int32)
    targets = tuple(
        np.array([slates[row, 0] if hit[row] else (slates[row, 0] + 1) % N_ITEMS], np.int64)
        for row in range(N_SHOPPERS)
    )
    activity = tuple("new" if row % 2 else "regular" for row in range(N_SHOPPERS))
    return SlateTable(slates, targets, {"activity": activity}, np.full(200, 2.0, np.float32), fitted_until=100.0)


def losing(champion: SlateTable, share: float) -> SlateTable:
    """Return the champion's slates with `share` of the hits of the group "new" taken away."""
    slates = champion.slates.copy()
    rows = np.flatnonzero((np.arange(N_SHOPPERS) % 2 == 1) & (slates[:, 0] == [own[0] for own in champion.targets]))
    for row in rows[: round(share * len(rows))]:
        slates[row, 0] = (slates[row, 0] + 2) % N_ITEMS
    return replace(champion, slates=slates)


@pytest.fixture(scope="module")
def champion() -> SlateTable:
    return table_with_hits(np.arange(N_SHOPPERS) % 4 < 2)


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(SUPPLIER, np.ones(N_ITEMS), np.arange(N_ITEMS) % 20 == 0, cut=100.0)


def refusals(challenger: SlateTable, champion: SlateTable, shelf: Shelf) -> list[str]:
    return [check.name for check in judge(Case(challenger, champion, shelf, has_champion=True)) if not check.passed]


def test_the_champion_itself_passes(champion: SlateTable, shelf: Shelf) -> None:
    assert refusals(champion, champion, shelf) == []


def test_four_per_cent_on_a_group_pass(champion: SlateTable, shelf: Shelf) -> None:
    assert refusals(losing(champion, 0.04), champion, shelf) == []


def test_six_per_cent_on_a_group_are_refused(champion: SlateTable, shelf: Shelf) -> None:
    assert refusals(losing(champion, 0.06), champion, shelf) == ["group_loss:activity:new"]


def test_a_slow_model_is_refused(champion: SlateTable, shelf: Shelf) -> None:
    slow = replace(champion, latency_ms=np.full(200, 80.0, np.float32))

    assert refusals(slow, champion, shelf) == ["latency"]


def test_a_model_unfair_to_suppliers_is_refused(champion: SlateTable, shelf: Shelf) -> None:
    slates = champion.slates.copy()
    slates[:, 5:] = slates[:, 5:] - slates[:, 5:] % 4
    unfair = replace(champion, slates=slates)

    assert "supplier_share" in refusals(unfair, champion, shelf)
    assert not any(
        name.startswith(("quality", "group", "leak", "latency")) for name in refusals(unfair, champion, shelf)
    )


def test_a_model_that_saw_the_held_out_window_is_refused(champion: SlateTable, shelf: Shelf) -> None:
    leaking = replace(champion, fitted_until=101.0)

    assert refusals(leaking, champion, shelf) == ["leak:time"]


def test_a_model_too_good_to_be_true_is_refused(shelf: Shelf) -> None:
    poor = table_with_hits(np.arange(N_SHOPPERS) % 8 < 2)
    slates = poor.slates.copy()
    slates[:, 0] = [own[0] for own in poor.targets]

    assert "leak:too_good" in refusals(replace(poor, slates=slates), poor, shelf)


def test_the_first_model_is_held_against_popularity_only_where_it_is_worse(champion: SlateTable, shelf: Shelf) -> None:
    popular = replace(champion, slates=np.tile(np.arange(K, dtype=np.int32), (N_SHOPPERS, 1)))

    checks = judge(Case(champion, popular, shelf, has_champion=False))

    assert [check.name for check in checks if not check.passed] == []
