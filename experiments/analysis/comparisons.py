"""From arrays to records: each arm against the control, in every row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import isfinite
from threading import Lock
from typing import Any, Final

import numpy as np

from experiments.analysis.bounds import Bounds, holm
from experiments.analysis.effects import Effects, Layout, strata_of
from experiments.analysis.tables import Sums, triangle_place
from experiments.results import ArmComparison, Effect
from experiments.stats.moments import Floats

MOST_ROWS: Final = 20_000
"""Rows kept of all experiments that a process shows: about 40 MB, 50 dashboards."""
Row = tuple[ArmComparison, ...]


@dataclass(frozen=True, slots=True)
class Claims:
    """What may be called significant now.

    `past` are arms that an earlier look of the plan found significant, and whether they were better then.

    `present` says that the numbers of this moment decide: always in always-valid tests, at planned looks in others.
    """

    present: bool
    past: Mapping[str, bool] = field(default_factory=dict)


ALWAYS: Final = Claims(present=True)
NEVER: Final = Claims(present=False)


@dataclass(frozen=True, slots=True)
class Comparer:
    """Writes the comparisons of one metric, by the arms compared and the bounds of the plan."""

    arms: tuple[str, ...]
    bounds: Bounds
    higher_is_better: bool

    def rows(self, effects: Effects, claims: Claims) -> list[Row]:
        """Return the comparisons of each row."""
        p_values = self.bounds.p_values(effects)
        adjusted = holm(p_values)
        reach = self.bounds.reach(effects)
        columns = [
            _numbers(effects.values, effects.errors, reach),
            _numbers(effects.shares, effects.share_errors, reach),
            p_values.tolist(),
            adjusted.tolist(),
            (self.bounds.significant(effects, adjusted) & claims.present).tolist(),
            ((effects.values > 0) == self.higher_is_better).tolist(),
        ]
        return [tuple(map(_comparison, self.arms, *row)) for row in zip(*columns, strict=True)]

    def total(self, effects: Effects, claims: Claims) -> Row:
        """Return the comparisons of all units, with what earlier looks found.

        A finding has a direction and is the last word: an arm that was found worse is never found better.
        """
        (row,) = self.rows(effects, claims)
        past = claims.past
        return tuple(
            replace(one, is_significant=one.is_better == past[one.arm]) if one.arm in past else one for one in row
        )

    def effects(self, effects: Effects) -> list[Effect]:
        """Return the absolute effects of the first row."""
        (row,) = _numbers(effects.values[:1], effects.errors[:1], self.bounds.reach(effects)[:1])
        return [Effect(*one) for one in row]


class RowMemory:
    """Keeps the comparisons of rows by what is in their cells: between two ticks of a page few cells change."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self._rows: dict[bytes, Row] = {}
        self._most, self._lock = most, Lock()

    def rows(self, sums: Sums, layout: Layout, comparer: Comparer, claims: Claims) -> list[Row]:
        """Return the comparisons of each row, computing in one pass those that are new."""
        shared = repr((comparer.arms, comparer.bounds.key, comparer.higher_is_better, claims.present, layout)).encode()
        keys = [shared + content for content in _contents(sums, layout)]
        row_by_key = {key: row for key in keys if (row := self._rows.get(key)) is not None}
        missing = [place for place, key in enumerate(keys) if key not in row_by_key]
        if missing:
            new = comparer.rows(strata_of(sums.rows(missing), layout).effects(), claims)
            row_by_key |= {keys[place]: row for place, row in zip(missing, new, strict=True)}
        self._keep(row_by_key)
        return [row_by_key[key] for key in keys]

    def _keep(self, rows: dict[bytes, Row]) -> None:
        """Put these rows last; the first ones go when there are too many."""
        with self._lock:
            for key, row in rows.items():
                self._rows.pop(key, None)
                self._rows[key] = row
            excess = len(self._rows) - self._most
            for key in list(islice(self._rows, max(excess, 0))):
                del self._rows[key]


remembered_rows: Final = RowMemory()


def _contents(sums: Sums, layout: Layout) -> list[bytes]:
    """Return for each row the numbers that its comparisons depend on."""
    places = layout.places
    pairs = sorted({triangle_place(one, other, layout.width) for one in places for other in places})
    parts = [sums.n[..., None], sums.sums[..., places], sums.products[..., pairs]]
    table = np.ascontiguousarray(np.concatenate(parts, axis=-1).swapaxes(0, 1))
    return [row.tobytes() for row in table]


def number(value: float) -> float | None:
    """Return a number, None where it is not finite."""
    return value if isfinite(value) else None


def plain(values: Floats) -> list[Any]:
    """Return the numbers as nested lists, None where they are not finite."""
    objects = values.astype(object)
    objects[~np.isfinite(values)] = None
    numbers: list[Any] = objects.tolist()
    return numbers


def _comparison(
    arm: str,
    absolute: Sequence[float | None],
    relative: Sequence[float | None],
    p_value: float,
    adjusted: float,
    is_significant: bool,
    is_better: bool,
) -> ArmComparison:
    return ArmComparison(arm, Effect(*absolute), Effect(*relative), p_value, adjusted, is_significant, is_better)


def _numbers(values: Floats, errors: Floats, reach: Floats) -> list[list[list[float | None]]]:
    """Return value, low, high and standard error of each estimate; None where nothing can be said."""
    with np.errstate(invalid="ignore"):
        columns = [values, values - reach * errors, values + reach * errors, errors]
    return plain(np.stack(columns, axis=-1))
