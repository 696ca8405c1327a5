"""The verdict on a version in words: what the gate decided, which check decides, and what would pass. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from modelops.models import ModelState, ModelVersion
from modelops.selectors.report.section import bound, number, shown

Status = Literal["pass", "warn", "fail", "note"]
QUALITY: Final = "ndcg@10"
POPULARITY: Final = "popularity"
WAIVE: Final = "Or ask for a waiver: two people may let it go live for at most 30 days."
EXPOSE: Final = (
    "Train with a higher strength against over-exposed items; the section Exposure constraint of the report shows what "
    "each strength costs."
)
LEAK: Final = "Look for the future in the features and in the catalog, and train again. This is no case for a waiver."
GROUP: Final = "Look at the groups in the report, and train with more minutes of tuning or on more data of this group."


@dataclass(frozen=True, slots=True)
class CheckText:
    """Title of a check on pages, the unit of its number, and what helps if it fails."""

    title: str
    remedy: str = ""
    unit: str = ""


TEXTS: Final[Mapping[str, CheckText]] = {
    "quality": CheckText(
        "Accuracy on the same shoppers (NDCG@10)", "Train with more minutes of tuning, or later on more data."
    ),
    "group_loss": CheckText("Loss of a group", GROUP),
    "group_ratio": CheckText("Worst over best group", GROUP),
    "groups_not_judged": CheckText("Groups that are too small to judge"),
    "supplier_share": CheckText("Suppliers' share of what is shown", EXPOSE),
    "gini": CheckText("Concentration on few products (Gini)", EXPOSE),
    "coverage": CheckText("Share of the catalog that is shown", EXPOSE),
    "popularity_lift": CheckText("Popularity of what is shown", EXPOSE),
    "new_items": CheckText("New products' share of what is shown", EXPOSE),
    "latency": CheckText(
        "Time for one list (99 %)",
        "Train on a machine that does nothing else, with fewer EXTRA_SOURCES, or raise GATE_LATENCY_MILLISECONDS.",
        " ms",
    ),
    "leak:time": CheckText("Latest row that the model learned from", LEAK),
    "leak:too_good": CheckText("Too good to be true, against live", LEAK),
    "leak:unlike_validation": CheckText("Too good to be true, against validation", LEAK),
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check for people. `shortfall` says how far the number is from its bar, "" where it is not."""

    status: Status
    title: str
    measured: str
    bar: str
    shortfall: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a version: a label, one sentence, and all checks, failed ones first."""

    status: Status
    sentence: str
    lines: tuple[CheckLine, ...] = ()

    @property
    def missed(self) -> tuple[CheckLine, ...]:
        """The checks that failed: what would have to change for a pass."""
        return tuple(line for line in self.lines if line.status == "fail")

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What to do about the failed checks, each remedy once."""
        remedies = dict.fromkeys(line.remedy for line in self.missed if line.remedy)
        return (*remedies, *([WAIVE] if remedies and LEAK not in remedies else []))


def verdict_of(version: ModelVersion) -> Verdict:
    """Return the verdict on a version."""
    gate = version.gate
    if not gate:
        return Verdict("warn", "Never judged: it cannot go live. Train again, and the new version is judged.")
    lines = tuple(line_of(check) for check in gate.get("checks", ()))
    lines = tuple(sorted(lines, key=lambda line: ("fail", "warn", "pass", "note").index(line.status)))
    if version.failed:
        waived = "" if version.state == ModelState.REFUSED else " It went live by a waiver."
        return Verdict("fail", f"Refused: {_refusal(gate, lines)}.{waived}", lines)
    warnings = any(line.status == "warn" for line in lines)
    passed = f"Passed {len(lines)} checks: {difference_in_words(gate)}."
    return Verdict("warn" if warnings else "pass", passed, lines)


def line_of(check: Mapping[str, Any]) -> CheckLine:
    """Return one stored check for people."""
    text = _text_of(check["name"])
    value, limit = check["value"], check["limit"]
    if value is None or limit is None:
        status: Status = "note" if check["passed"] else "fail"
        return CheckLine(status, text.title, "", "", "", check["detail"], text.remedy)
    missed = value < limit if bound(check) == "at least" else value > limit
    status = "fail" if not check["passed"] else "warn" if missed else "pass"
    is_moment = check["name"] == "leak:time"
    shortfall = "" if not missed or is_moment else f"{shown(abs(value - limit))}{text.unit}"
    bar = f"{bound(check)} {shown(limit)}{text.unit}"
    return CheckLine(status, text.title, f"{shown(value)}{text.unit}", bar, shortfall, check["detail"], text.remedy)


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
    missed = [line for line in lines if line.status == "fail"]
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


def _text_of(name: str) -> CheckText:
    """Return the text of a check; the names of checks of groups carry kind and label."""
    own = TEXTS.get(name)
    if own is not None:
        return own
    family, _, group = name.partition(":")
    text = TEXTS.get(family, CheckText(family.replace("_", " ").capitalize()))
    return CheckText(f"{text.title}: {group.replace(':', ' ')}", text.remedy, text.unit)


def interval_text(interval: Mapping[str, Any]) -> str:
    """Return a mean with its 95 % interval, `0.0812 [0.0790, 0.0833]`."""
    return f"{number(interval['value'])} [{number(interval['low'])}, {number(interval['high'])}]"
