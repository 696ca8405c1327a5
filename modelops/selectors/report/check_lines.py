"""The checks of the gate in words: title, number, bar, and what helps where one fails. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelops.selectors.report.section import Outcome, bar_of, bound, misses, outcome_of, shown
from recsys.data.activity import ACTIVITY

MOMENT: Final = "leak:time"
"""The check that compares moments, not numbers."""
GROUP_LOSS: Final = "group_loss:"
"""How the names of the checks begin that ask whether a group of shoppers lost."""
EXPOSE: Final = (
    "Train with a higher strength against over-exposed items; the section Exposure constraint of the report shows what "
    "each strength costs."
)
LEAK: Final = "Look for the future in the features and in the catalog, and train again. This is no case for a waiver."
GROUP: Final = "Look at the groups one by one, and train with more minutes of tuning or on more data of this group."


COUNTS: Final = (
    (Outcome.FAIL, "failed", "failed"),
    (Outcome.PASS, "passed", "passed"),
    (Outcome.WARN, "warning", "warnings"),
    (Outcome.NOT_JUDGED, "not judged", "not judged"),
)
"""How many checks came out how, in the order of a sentence: of one, and of more."""


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

    name: str
    status: Outcome
    title: str
    measured: str
    bar: str
    shortfall: str
    detail: str
    remedy: str


def line_of(check: Mapping[str, Any]) -> CheckLine:
    """Return one stored check for people."""
    text, value, limit = _text_of(check["name"]), check["value"], bar_of(check)
    measured = bar = shortfall = ""
    if value is not None and limit is not None:
        measured, bar = f"{shown(value)}{text.unit}", f"{bound(check)} {shown(limit)}{text.unit}"
        is_short = misses(check) and check["name"] != MOMENT  # the words of that one tell both moments to the minute
        shortfall = f"{shown(abs(value - limit))}{text.unit}" if is_short else ""
    line = (measured, bar, shortfall, check["detail"], text.remedy)
    return CheckLine(check["name"], outcome_of(check), text.title, *line)


def lines_of(gate: Mapping[str, Any]) -> tuple[CheckLine, ...]:
    """Return all checks of a stored verdict for people: failed ones first, then warnings, passes, and the rest."""
    order = list(Outcome)
    lines = (line_of(check) for check in gate.get("checks", ()))
    return tuple(sorted(lines, key=lambda line: order.index(line.status)))


def counts_of(lines: Sequence[CheckLine]) -> str:
    """Return how the checks came out, `6 passed, 1 warning (popularity of what is shown), 1 not judged`."""
    words = []
    for status, one, more in COUNTS:
        titles = [line.title for line in lines if line.status == status]
        if titles:
            names = f" ({', '.join(map(lower_first, titles))})" if status in (Outcome.FAIL, Outcome.WARN) else ""
            words.append(f"{len(titles)} {one if len(titles) == 1 else more}{names}")
    return ", ".join(words)


def lower_first(text: str) -> str:
    """Return a title as it stands within a sentence; one that begins with an abbreviation stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _text_of(name: str) -> CheckText:
    """Return the text of a check; the names of checks of groups carry kind and label."""
    own = TEXTS.get(name)
    if own is not None:
        return own
    family, _, group = name.partition(":")
    text = TEXTS.get(family, CheckText(family.replace("_", " ").capitalize()))
    return CheckText(f"{text.title}: {group_in_words(*group.split(':', 1))}", text.remedy, text.unit)


def group_in_words(kind: str, label: str = "") -> str:
    """Return the name of a group of shoppers, or of a kind of groups, as a page shows it."""
    if kind == "activity" and label in ACTIVITY:
        return f"shoppers with {label}"
    return f"{kind} {label}".strip()
