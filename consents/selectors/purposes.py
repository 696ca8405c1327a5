"""Reads of what shoppers are asked: the purposes and the policy texts, now and on a date."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from consents.models import PolicyText, Purpose
from consents.rules import BUILT_IN, ESSENTIAL

_SHOWN = ("name", "version", "title", "description", "legal_basis", "data_categories", "recipients", "retention_days",
          "sale_or_share")  # fmt: skip
_TEXT = ("version", "language", "body", "sha256", "published_at")


def current_purposes() -> list[dict[str, Any]]:
    """Return the current version of each purpose: the essential ones first, those built in in their order, then the
    shop's own by name. `essential` tells whether there is nothing to decide.
    """
    return sorted(
        ({**row, "essential": row.pop("legal_basis") in ESSENTIAL} for row in _newest_versions(None)), key=_position
    )


def purpose_versions(at: datetime) -> dict[str, dict[str, Any]]:
    """Return the version of each purpose that was the current one at that time, by name."""
    return {row["name"]: row for row in _newest_versions(at)}


def newest_policy(language: str = "") -> dict[str, Any] | None:
    """Return the newest policy text: in that language if that version has it, else in English, else any; or None."""
    rows = PolicyText.objects.order_by("-published_at", "-pk")
    newest = rows.values_list("version", flat=True).first()
    if newest is None:
        return None
    texts: dict[str, dict[str, Any]] = {row["language"]: row for row in rows.filter(version=newest).values(*_TEXT)}
    return texts.get(language) or texts.get("en") or next(iter(texts.values()))


def _newest_versions(until: datetime | None) -> list[dict[str, Any]]:
    rows = Purpose.objects.order_by("name", "-version").distinct("name")
    return list((rows if until is None else rows.filter(created_at__lte=until)).values(*_SHOWN))


def _position(row: Mapping[str, Any]) -> tuple[bool, int, str]:
    order = list(BUILT_IN)
    name = row["name"]
    return not row["essential"], order.index(name) if name in order else len(order), name
