"""The verdict on a version in words: what the gate decided, which check decides, and what would pass. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelops.models import ModelState, ModelVersion
from modelops.selectors.report.check_lines import GROUP, LEAK, CheckLine, counts_of, lines_of
from modelops.selectors.report.section import Outcome, number

QUALITY: Final = "ndcg@10"
POPULARITY: Final = "popularity"
WAIVE: Final = "Or ask for a waiver: two people may let it go live for at most 30 days."


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a version: a label, one sentence, and all checks, failed ones first."""

    status: Outcome
    sentence: str
    lines: tuple[CheckLine, ...] = ()

    @property
    def missed(self) -> tuple[CheckLine, ...]:
        """The checks that failed: what would have to change for a pass."""
        return tuple(line for line in self.lines if line.status == Outcome.FAIL)

    @property
    def counts(self) -> str:
        """How many checks passed, warn, failed and judged nothing, in words; "" before a verdict."""
        return counts_of(self.lines)

    @property
    def on_groups(self) -> bool:
        """Whether the version failed for a group of shoppers."""
        return any(line.remedy == GROUP for line in self.missed)

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What to do about the failed checks, each remedy once."""
        remedies = dict.fromkeys(line.remedy for line in self.missed if line.remedy)
        return (*remedies, *([WAIVE] if remedies and LEAK not in remedies else []))


def verdict_of(version: ModelVersion) -> Verdict:
    """Return the verdict on a version."""
    gate = version.gate
    if not gate:
        return Verdict(Outcome.WARN, "Never judged: it cannot go live. Train again, and the new version is judged.")
    lines = lines_of(gate)
    if version.failed:
        waived = "" if version.state == ModelState.REFUSED else " It went live by a waiver."
        return Verdict(Outcome.FAIL, f"Refused: {_refusal(gate, lines)}.{waived}", lines)
    warnings = any(line.status == Outcome.WARN for line in lines)
    return Verdict(Outcome.WARN if warnings else Outcome.PASS, f"Passed: {difference_in_words(gate)}.", lines)


def comparison_of(gate: Mapping[str, Any], metric: str = QUALITY) -> Mapping[str, Any] | None:
    """Return challenger, reference and paired difference of a metric, None where the gate did not store it."""
    return next((one for one in gate.get("comparisons", ()) if one["metric"] == metric), None)


def reference_in_words(gate: Mapping[str, Any]) -> str:
    """Return what the version was compared with: live, or popular products where nothing was."""
    return "popular products" if gate.get("reference", POPULARITY) == POPULARITY else "live"


def relative(comparison: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Return the paired difference with its 95 % interval as shares of the reference; None where that is 0."""
    base = comparison["reference"]["value"]
    if not base:
        return None
    value, low, high = (comparison["difference"][end] / base for end in ("value", "low", "high"))
    return value, low, high


def percent(share: float, *, signed: bool = True) -> str:
    """Return a share in percent, `−21 %`."""
    return f"{100 * share:{'+' if signed else ''}.0f} %".replace("-", "−")


def difference_in_words(gate: Mapping[str, Any]) -> str:
    """Return how much better or worse the version was than its reference, `21 % below live on the same shoppers`."""
    comparison = comparison_of(gate)
    shares = relative(comparison) if comparison else None
    reference = reference_in_words(gate)
    if shares is None:
        return f"compared with {reference} on the same shoppers"
    value, low, high = shares
    if low <= 0 <= high:
        span = f"{percent(value)}, 95 % interval {percent(low)} to {percent(high)}"
        return f"no clear difference from {reference} on the same shoppers ({span})"
    return f"{percent(abs(value), signed=False)} {'above' if value > 0 else 'below'} {reference} on the same shoppers"


def _refusal(gate: Mapping[str, Any], lines: tuple[CheckLine, ...]) -> str:
    missed = [line for line in lines if line.status == Outcome.FAIL]
    if not missed:
        return "the gate named no check"
    failed = [check["name"] for check in gate["checks"] if not check["passed"]]
    comparison = comparison_of(gate)
    if failed[0] == "quality" and comparison and relative(comparison) is not None:
        first = difference_in_words(gate)
    elif missed[0].bar:
        first = f"{missed[0].title} {missed[0].measured}, {missed[0].bar} needed"
    else:
        first = f"{missed[0].title}: {missed[0].detail}"
    others = len(missed) - 1
    return first + (f"; and {others} more check{'s' * (others > 1)} failed" if others else "")


def interval_text(interval: Mapping[str, Any]) -> str:
    """Return a mean with its 95 % interval, `0.0812 [0.0790, 0.0833]`."""
    return f"{number(interval['value'])} [{number(interval['low'])}, {number(interval['high'])}]"
