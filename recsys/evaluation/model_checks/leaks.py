"""Did the model see what it was asked about? Three ways to tell.

What it learnt from, part by part: each source notes the latest row it was fitted on, so nobody has to be believed.
How good it is: implausibly better than the champion, or than validation had promised, means that the answer was in the
question, by whatever way it came there (a feature, an attribute of the catalogue, a label).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from recsys.evaluation.model_checks.case import POPULAR, Case, ModelCheck
from recsys.metrics.intervals import Interval, bootstrap

ENOUGH = 50
"""Shoppers that a comparison of qualities takes at least, on either side."""
REMEDY = ": look for the future in its features and in the catalogue"


def time_leak(case: Case) -> Iterable[ModelCheck]:
    """No part of the model, and no profile it was asked with, holds a row of the held-out window: it begins at the cut.

    The plan names the moment that it was fitted until, which is the cut.
    """
    until, cut = case.challenger.fitted_until, case.shelf.cut
    parts = case.challenger.parts.items()
    late = sorted(name for name, moment in parts if moment > cut or (moment == cut and name != "plan"))
    who = f" ({', '.join(late)})" if late else ""
    words = f"learnt from rows until {_moment(until)}{who}, the held-out window starts {_moment(cut)}"
    yield ModelCheck("leak:time", until <= cut and not late, until, cut, words, "at most")


def too_good(case: Case) -> Iterable[ModelCheck]:
    """At most three times the champion's odds, beyond chance on both sides.

    A champion that is mere popularity, as a shop's first one is that was trained on a few dozen rows, says nothing of
    what can be known about shoppers: there one may be as much better as with no champion at all.
    """
    if not case.has_champion or case.reference_stage == POPULAR:
        return
    ours, theirs = (bootstrap(table.ndcg(case.shelf.n_items)) for table in (case.challenger, case.reference))
    if ours.n >= ENOUGH and theirs.value > 0:
        yield _plausible("leak:too_good", ours, theirs, case.limits.leak_factor, beside="the champion's")


def unlike_validation(case: Case) -> Iterable[ModelCheck]:
    """At most three times the odds of the same plan on validation, beyond chance on both sides."""
    promised, found = case.expected, bootstrap(case.challenger.ndcg(case.shelf.n_items))
    if promised is not None and min(promised.n, found.n) >= ENOUGH and promised.high > 0:
        beside = "on validation, as visits begin,"  # the ladder's figures are of the middle of visits as well
        yield _plausible("leak:unlike_validation", found, promised, case.limits.leak_factor, beside=beside)


def _plausible(name: str, found: Interval, known: Interval, factor: float, *, beside: str) -> ModelCheck:
    """Return the check that what was found is not so many times the odds of what is known."""
    limit = _odds_times(factor, known.high)
    passed = found.low <= limit
    words = f"NDCG@10 {found.value:.4f} [{found.low:.4f}, {found.high:.4f}], {beside} {known.value:.4f}"
    return ModelCheck(name, passed, found.low, limit, words if passed else words + REMEDY, "at most")


def _odds_times(factor: float, ndcg: float) -> float:
    """Return the NDCG of so many times the odds: of .05 and 3 about .14, of .5 and 3 it is .75, never over 1."""
    return factor * ndcg / (1 + (factor - 1) * ndcg)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def promised(report: Mapping[str, Any]) -> Interval | None:
    """Return the NDCG@10 that the released stage had on validation where a visit begins, as the held-out window asks.

    None where that is not known.
    """
    taken = (step for step in report.get("ladder", ()) if step["taken"])
    found = (step.get("begins") or step["ndcg"] for step in taken if step["stage"] == report.get("stage"))
    return next((Interval(**one) for one in found), None)
