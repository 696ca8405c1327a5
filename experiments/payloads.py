"""What arms may change in other rooms. Each room registers its kinds, so this one knows none of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import FieldError


def _no_choices() -> Mapping[str, Sequence[tuple[str, str]]]:
    return {}


@dataclass(frozen=True, slots=True)
class PayloadKind:
    """One kind of payload.

    `schema` is the JSON schema of a payload. `errors` returns what is wrong with one. `targets` returns what it
    changes, as names of the registering room: serving looks experiments up by them. `choices` returns values and labels
    by field, for a form. `common` are fields in which all arms must agree: an experiment is about one of them. The
    payload of an arm may be None: nothing is changed.
    """

    name: str
    title: str
    schema: Mapping[str, Any]
    errors: Callable[[Any], list[FieldError]]
    targets: Callable[[Any], frozenset[str]]
    choices: Callable[[], Mapping[str, Sequence[tuple[str, str]]]] = _no_choices
    common: frozenset[str] = frozenset()


_kinds: dict[str, PayloadKind] = {}


def register(kind: PayloadKind) -> None:
    """Add a kind. Raises ValueError if another kind has the name."""
    if _kinds.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"a payload kind named {kind.name!r} is registered already")


def payload_kinds() -> tuple[PayloadKind, ...]:
    """Return all kinds by name."""
    return tuple(_kinds[name] for name in sorted(_kinds))


def payload_kind(name: str) -> PayloadKind | None:
    """Return the kind, or None."""
    return _kinds.get(name)


def targets_of(kind: str, payloads: Sequence[Any]) -> frozenset[str]:
    """Return all that the payloads of an experiment change; nothing for JSON for the storefront."""
    registered = _kinds.get(kind)
    if registered is None:
        return frozenset()
    return frozenset[str]().union(*(registered.targets(payload) for payload in payloads if payload is not None))
