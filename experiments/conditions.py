"""Targeting conditions in GrowthBook's grammar, decided as its SDKs do. Pure.

Source: GrowthBook SDK specification, "evalCondition", and the Python SDK 4.0.0, which a test compares with. Values of
different JSON types never match. An unknown operator never holds, nor does its negation. Patterns are RE2's, whose time
grows linearly with the text: no condition can hold up a worker. It knows neither lookaheads nor back references.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import re2

Verdict = bool | None
"""None where an operator is unknown: neither it nor its negation holds."""
_ERRORS: Final = (TypeError, ValueError, AttributeError, IndexError, RecursionError)
_GROUPS: Final = ("$or", "$nor", "$and")


def holds(condition: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    """Return whether the attributes meet the condition. A malformed condition holds for nobody."""
    try:
        return _condition(condition, attributes) is True
    except _ERRORS:
        return False


def errors_of(condition: Any) -> list[str]:
    """Return what is wrong with a condition, in words."""
    if not isinstance(condition, Mapping):
        return ["must be an object of attributes with values"]
    errors: list[str] = []
    for name, value in condition.items():
        if name in _GROUPS:
            parts = value if isinstance(value, list) else [None]
            errors += [f"{name}: {error}" for part in parts for error in errors_of(part)]
        elif name == "$not":
            errors += [f"$not: {error}" for error in errors_of(value)]
        elif name.startswith("$"):
            errors.append(f"there is no operator {name} here")
        elif isinstance(value, Mapping) and value and all(key.startswith("$") for key in value):
            errors += [f"{name}: there is no operator {key}" for key in value if key not in _OPERATORS]
            errors += [f"{name}: {error}" for key in _PATTERNS & value.keys() if (error := _pattern_error(value[key]))]
    return errors


def value_at(attributes: Any, path: str) -> Any:
    """Return the value at a dotted path, None for none. A list has its indexes and its length, as in JavaScript."""
    current = attributes
    for name in path.split("."):
        if isinstance(current, Mapping) and name in current:
            current = current[name]
        elif isinstance(current, list) and name == "length":
            current = len(current)
        elif isinstance(current, list) and re.fullmatch(r"0|[1-9][0-9]{0,9}", name) and int(name) < len(current):
            current = current[int(name)]
        else:
            return None
    return current


def _condition(condition: Mapping[str, Any], attributes: Any) -> Verdict:
    return _all(_entry(name, value, attributes) for name, value in condition.items())


def _entry(name: str, value: Any, attributes: Any) -> Verdict:
    match name:
        case "$or":
            return _any_of(value, attributes)
        case "$nor":
            return _negated(_any_of(value, attributes))
        case "$and":
            return _all(_condition(part, attributes) for part in value)
        case "$not":
            return _negated(_condition(value, attributes))
        case "$savedGroup" | "$savedGroups":
            return False
    return _value(value, value_at(attributes, name))


def _any_of(parts: Sequence[Any], attributes: Any) -> Verdict:
    return _any(_condition(part, attributes) for part in parts) if len(parts) else True


def _all(verdicts: Any) -> Verdict:
    result: Verdict = True
    for verdict in verdicts:
        if verdict is False:
            return False
        result = None if verdict is None else result
    return result


def _any(verdicts: Any) -> Verdict:
    result: Verdict = False
    for verdict in verdicts:
        if verdict is True:
            return True
        result = None if verdict is None else result
    return result


def _negated(verdict: Verdict) -> Verdict:
    return None if verdict is None else not verdict


def _value(expected: Any, actual: Any, *, folds: bool = False) -> Verdict:
    """Return whether a value is as expected: by operators, or equal."""
    if isinstance(expected, Mapping) and all(name.startswith("$") for name in expected):
        return _all(_operator(name, actual, operand) for name, operand in expected.items())
    if folds and isinstance(expected, str) and isinstance(actual, str):
        return expected.lower() == actual.lower()
    return _deep_equal(expected, actual)


def _operator(name: str, actual: Any, operand: Any) -> Verdict:
    if name in _OPERATORS:
        return _OPERATORS[name](actual, operand)
    return False if name in (*_GROUPS, "$savedGroup") else None


def type_of(value: Any) -> str:
    """Return the JSON type of a value, as `$type` names it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    kinds = ((str, "string"), (list | set | tuple | frozenset, "array"), (Mapping, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "unknown")


def _equal(one: Any, other: Any) -> bool:
    """Return JavaScript's `===`: containers are never the same."""
    kind = type_of(one)
    return kind == type_of(other) and kind not in ("array", "object") and bool(one == other)


def _deep_equal(one: Any, other: Any) -> bool:
    """Return whether both are the same JSON text: types, values, and the order of keys."""
    kind = type_of(one)
    if kind != type_of(other):
        return False
    if kind == "array":
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_deep_equal(_finite(a), _finite(b)) for a, b in pairs)
    if kind == "object":
        return _keys(one) == _keys(other) and all(_deep_equal(_finite(one[key]), _finite(other[key])) for key in one)
    return bool(one == other)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _keys(value: Mapping[str, Any]) -> list[str]:
    """Return the keys as JavaScript orders them: whole numbers first."""
    numbers = [key for key in value if re.fullmatch(r"0|[1-9][0-9]{0,9}", key) and int(key) < 2**32 - 1]
    return [*sorted(numbers, key=int), *(key for key in value if key not in numbers)]


def _order(check: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Verdict]:
    def operator(actual: Any, operand: Any) -> Verdict:
        kinds = {type_of(actual), type_of(operand)}
        if kinds == {"string"}:  # by UTF-16 code units, as in JavaScript
            return check(actual.encode("utf-16-be", "surrogatepass"), operand.encode("utf-16-be", "surrogatepass"))
        return kinds == {"number"} and check(actual, operand)

    return operator


def _version(check: Callable[[str, str], bool], *, otherwise: bool = False) -> Callable[[Any, Any], Verdict]:
    def operator(actual: Any, operand: Any) -> Verdict:
        if {type_of(actual), type_of(operand)} not in ({"string"}, {"number"}):
            return otherwise
        return check(padded_version(actual), padded_version(operand))

    return operator


def padded_version(value: Any) -> str:
    """Return a version as text that sorts: `v1.2.3-rc.1` before `1.2.3`, and 1.9 before 1.10."""
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    text = text if isinstance(text, str) and text else "0"
    parts = re.split(r"[-.]", re.sub(r"(^v|\+.*$)", "", text))
    parts += ["~"] if len(parts) == 3 else []
    return "-".join(part.rjust(5) if part.isdigit() else part for part in parts)


def _lists(check: Callable[[list[Any], Any], Verdict]) -> Callable[[Any, Any], Verdict]:
    return lambda actual, operand: check(operand, actual) if isinstance(operand, list) else False


def _is_in(expected: list[Any], actual: Any, *, folds: bool = False) -> bool:
    def fold(value: Any) -> Any:
        return value.lower() if folds and isinstance(value, str) else value

    values = actual if isinstance(actual, list) else [actual]
    return any(_equal(fold(one), fold(other)) for one in values for other in expected)


def _has_all(expected: list[Any], actual: Any, *, folds: bool = False) -> Verdict:
    if not isinstance(actual, list):
        return False
    return _all(_any(_value(one, element, folds=folds) for element in actual) for one in expected)


def _element(actual: Any, operand: Any) -> Verdict:
    if not isinstance(actual, list):
        return False
    by_value = (
        isinstance(operand, Mapping)
        and all(name.startswith("$") for name in operand)
        and not {*_GROUPS, "$savedGroup"}.intersection(operand)
    )
    check = _value if by_value else _condition
    return _any(check(operand, element) for element in actual if element is not None)


_PATTERNS: Final = frozenset({"$regex", "$regexi", "$notRegex", "$notRegexi"})


@lru_cache(maxsize=500)
def _pattern(text: str, folds: bool) -> Any:
    """Return the compiled pattern. Raises re2.error, TypeError, and ValueError for half a surrogate pair."""
    options = re2.Options()
    options.case_sensitive, options.log_errors = not folds, False
    return re2.compile(text, options)


def _pattern_error(operand: Any) -> str:
    """Return what is wrong with a pattern, in words; "" if nothing is."""
    try:
        _pattern(operand, False)
    except re2.error as error:
        return f"this pattern is not understood ({error.args[0].decode(errors='replace')}); lookaheads are not known"
    except (TypeError, ValueError):
        return "a pattern is a text"
    return ""


def _matches(*, folds: bool = False, negated: bool = False) -> Callable[[Any, Any], Verdict]:
    def operator(actual: Any, operand: Any) -> Verdict:
        try:
            return (_pattern(operand, folds).search(actual) is not None) != negated
        except (re2.error, TypeError, ValueError):
            return negated

    return operator


def _size(actual: Any, operand: Any) -> Verdict:
    return isinstance(actual, list) and _value(operand, len(actual))


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Verdict]]] = {
    "$eq": _equal,
    "$ne": lambda actual, operand: not _equal(actual, operand),
    "$lt": _order(lambda one, other: one < other),
    "$lte": _order(lambda one, other: one <= other),
    "$gt": _order(lambda one, other: one > other),
    "$gte": _order(lambda one, other: one >= other),
    "$veq": _version(lambda one, other: one == other),
    "$vne": _version(lambda one, other: one != other, otherwise=True),
    "$vlt": _version(lambda one, other: one < other),
    "$vlte": _version(lambda one, other: one <= other),
    "$vgt": _version(lambda one, other: one > other),
    "$vgte": _version(lambda one, other: one >= other),
    "$in": _lists(_is_in),
    "$nin": _lists(lambda expected, actual: not _is_in(expected, actual)),
    "$ini": _lists(lambda expected, actual: _is_in(expected, actual, folds=True)),
    "$nini": _lists(lambda expected, actual: not _is_in(expected, actual, folds=True)),
    "$all": _lists(_has_all),
    "$alli": _lists(lambda expected, actual: _has_all(expected, actual, folds=True)),
    "$inGroup": lambda actual, operand: False,
    "$notInGroup": lambda actual, operand: isinstance(operand, str),
    "$regex": _matches(),
    "$regexi": _matches(folds=True),
    "$notRegex": _matches(negated=True),
    "$notRegexi": _matches(folds=True, negated=True),
    "$exists": lambda actual, operand: (actual is not None) == bool(operand),
    "$type": lambda actual, operand: type_of(actual) == operand,
    "$elemMatch": _element,
    "$size": _size,
    "$not": lambda actual, operand: _negated(_value(operand, actual)),
}
"""Saved groups are not kept here: a group that nobody saved is empty."""
