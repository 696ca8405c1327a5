"""Three checks for leaks: whether the model saw what it was asked about.

By time: each part of the model stores the time of the latest row it was fitted on.
By quality: a model that is implausibly better than the champion, or than on validation, knows the answer from somewhere
(a feature, an attribute of the catalog, a label).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from recsys.evaluation.model_checks.case import POPULAR, Case, ModelCheck
from recsys.metrics.intervals import Interval, bootstrap

MIN_SHOPPERS = 50
"""The fewest shoppers on either side of a comparison of quality."""
REMEDY = ": look for the future in its features and in the catalog"


def time_leak(case: Case) -> Iterable[ModelCheck]:
    """No part of the model and no profile holds a row of the held-out window, which starts at the cut.

    The part "plan" is the end of the training window, so it may equal the cut.
    """
    until, cut = case.challenger.fitted_until, case.catalog_view.cut
    parts = case.challenger.parts.items()
    late_parts = sorted(name for name, moment in parts if moment > cut or (moment == cut and name != "plan"))
    names = f" ({', '.join(late_parts)})" if late_parts else ""
    words = f"learnt from rows until {_moment(until)}{names}, the held-out window starts {_moment(cut)}"
    yield ModelCheck("leak:time", until <= cut and not late_parts, until, cut, words, "at most")


def too_good(case: Case) -> Iterable[ModelCheck]:
    """At most three times the champion's odds of NDCG@10, significant on both sides.

    Against a champion of the stage popular, large gains are plausible, so it is not checked. A shop's first champion,
    trained on a few dozen rows, is often one.
    """
    if not case.has_champion or case.reference_stage == POPULAR:
        return
    ours, theirs = (bootstrap(table.ndcg(case.catalog_view.n_items)) for table in (case.challenger, case.reference))
    if ours.n >= MIN_SHOPPERS and theirs.value > 0:
        yield _plausibility_check("leak:too_good", ours, theirs, case.limits.leak_factor, label="live")


def unlike_validation(case: Case) -> Iterable[ModelCheck]:
    """At most three times the odds of the same plan on validation, significant on both sides."""
    expected, measured = case.expected, bootstrap(case.challenger.ndcg(case.catalog_view.n_items))
    if expected is not None and min(expected.n, measured.n) >= MIN_SHOPPERS and expected.high > 0:
        label = "on validation, as visits begin,"  # the ladder's figures include questions within visits
        yield _plausibility_check("leak:unlike_validation", measured, expected, case.limits.leak_factor, label=label)


def _plausibility_check(name: str, measured: Interval, expected: Interval, factor: float, *, label: str) -> ModelCheck:
    """Return the check that the measured odds are at most `factor` times the expected ones."""
    limit = _odds_times(factor, expected.high)
    passed = measured.low <= limit
    words = f"NDCG@10 {measured.value:.4f} [{measured.low:.4f}, {measured.high:.4f}], {label} {expected.value:.4f}"
    return ModelCheck(name, passed, measured.low, limit, words if passed else words + REMEDY, "at most")


def _odds_times(factor: float, ndcg: float) -> float:
    """Return the NDCG of `factor` times the odds: about .14 for .05 and 3, .75 for .5 and 3, never over 1."""
    return factor * ndcg / (1 + (factor - 1) * ndcg)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def validation_ndcg(report: Mapping[str, Any]) -> Interval | None:
    """Return the NDCG@10 of the released stage on validation questions at the start of visits; None where unknown.

    The held-out window asks at the start of visits too.
    """
    released_stages = (step for step in report.get("ladder", ()) if step["taken"])
    intervals = (step.get("begins") or step["ndcg"] for step in released_stages if step["stage"] == report.get("stage"))
    return next((Interval(**one) for one in intervals), None)
