"""Whom an experiment is about, as rows of a form: a condition in GrowthBook's grammar, and a sentence. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Comparison = Literal["is", "is_not", "at_least", "at_most"]
COMPARISONS: Final[Mapping[Comparison, str]] = {
    "is": "is",
    "is_not": "is not",
    "at_least": "at least",
    "at_most": "at most",
}
VISITORS: Final[Mapping[str, str]] = {"new": "first visit", "returning": "came before"}
SESSIONS: Final = "traits.sessions.count"
_NEW: Final = {"$or": [{SESSIONS: {"$exists": False}}, {SESSIONS: {"$lte": 1}}]}
_RETURNING: Final = {SESSIONS: {"$gt": 1}}


@dataclass(frozen=True, slots=True)
class Clause:
    """One row. `what` is a kind and perhaps a name: `segment:vip`, `number:rfm.frequency`, `name:device`,
    `attribute:loyalty`, `page:country`, `consent:marketing`, `visitor`.

    A `number` and a `name` are traits; `page` is an attribute that the shop's own pages tell. Texts are lists by comma.
    """

    what: str
    comparison: Comparison = "is"
    value: str = ""

    @property
    def kind(self) -> str:
        """The kind."""
        return self.what.partition(":")[0]

    @property
    def name(self) -> str:
        """The name within its kind."""
        return self.what.partition(":")[2]


def condition_of(clauses: Sequence[Clause]) -> dict[str, Any]:
    """Return the condition that holds where all clauses do. Raises ValueError, for people, for a clause that cannot."""
    parts = [_part(clause) for clause in clauses]
    if not parts:
        return {}
    return parts[0] if len(parts) == 1 else {"$and": parts}


def clauses_of(condition: Mapping[str, Any]) -> tuple[Clause, ...] | None:
    """Return the clauses of a condition, None for one that no clauses make."""
    parts = condition.get("$and") if set(condition) == {"$and"} else [condition] if condition else []
    if not isinstance(parts, list):
        return None
    try:
        clauses = tuple(_clause(part) for part in parts)
        return clauses if condition_of(clauses) == condition else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def sentence_of(clauses: Sequence[Clause], titles: Mapping[str, str]) -> str:
    """Return the clauses in words; `titles` names each `what`."""
    if not clauses:
        return "Everybody."
    return f"Shoppers {', and '.join(_words(clause, titles.get(clause.what, clause.name)) for clause in clauses)}."


def _part(clause: Clause) -> dict[str, Any]:
    negated, name = clause.comparison == "is_not", clause.name
    match clause.kind:
        case "segment":
            return {"segments": {"$nin" if negated else "$in": [name]}}
        case "visitor":
            if clause.value not in VISITORS:
                raise ValueError("choose first visit or came before")
            return dict(_NEW if (clause.value == "new") != negated else _RETURNING)
        case "consent":
            return {f"consent.{name}": {"$ne": True} if negated else True}
        case "number":
            return {f"traits.{name}": {_NUMERIC[clause.comparison]: _number(clause.value)}}
        case "name" | "attribute" | "page":
            root = {"name": "traits.", "attribute": "attributes.", "page": ""}[clause.kind]
            return {f"{root}{name}": _by_value(clause)}
    raise ValueError("choose what is compared")


_NUMERIC: Final[Mapping[Comparison, str]] = {"is": "$eq", "is_not": "$ne", "at_least": "$gte", "at_most": "$lte"}


def _by_value(clause: Clause) -> dict[str, Any]:
    if not clause.name:
        raise ValueError("name the attribute that your pages tell")
    if clause.comparison in ("at_least", "at_most"):
        return {_NUMERIC[clause.comparison]: _number(clause.value)}
    values = [one.strip() for one in clause.value.split(",") if one.strip()]
    if not values:
        raise ValueError("say a value")
    numbers = [number for one in values if (number := _number_or_none(one)) is not None]
    return {"$nin" if clause.comparison == "is_not" else "$in": [*values, *numbers]}


def _number(text: str) -> int | float:
    number = _number_or_none(text)
    if number is None:
        raise ValueError("must be a number")
    return number


def _number_or_none(text: str) -> int | float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if number != number or number in (float("inf"), float("-inf")):
        return None
    return int(number) if number.is_integer() else number


def _clause(part: Mapping[str, Any]) -> Clause:
    if part in (_NEW, _RETURNING):
        return Clause("visitor", "is", "new" if part == _NEW else "returning")
    ((path, test),) = part.items()
    if path.startswith("consent."):
        return Clause(f"consent:{path.removeprefix('consent.')}", "is" if test is True else "is_not")
    ((operator, operand),) = test.items()
    if path == "segments":
        return Clause(f"segment:{operand[0]}", "is" if operator == "$in" else "is_not")
    if operator in ("$in", "$nin"):
        texts = ", ".join(one for one in operand if isinstance(one, str))
        return Clause(_what(path, "name"), "is" if operator == "$in" else "is_not", texts)
    comparison = {own: name for name, own in _NUMERIC.items()}[operator]
    return Clause(_what(path, "number"), comparison, f"{operand:.15g}")


def _what(path: str, trait: str) -> str:
    root, _, name = path.partition(".")
    if root == "traits":
        return f"{trait}:{name}"
    return f"attribute:{name}" if root == "attributes" else f"page:{path}"


def _words(clause: Clause, title: str) -> str:
    negated = clause.comparison == "is_not"
    match clause.kind:
        case "segment":
            return f"{'outside of' if negated else 'in'} the segment {title}"
        case "visitor":
            return "on their first visit" if (clause.value == "new") != negated else "who came before"
        case "consent":
            return f"who {'did not allow' if negated else 'allow'} {title}"
    values = " or ".join(one.strip() for one in clause.value.split(",") if one.strip())
    return f"whose {title[:1].lower()}{title[1:]} {COMPARISONS[clause.comparison]} {values or '…'}".replace(
        " at ", " is at ", 1 if clause.comparison in ("at_least", "at_most") else 0
    )
