"""Reads of what shoppers are asked: the purposes and the policy texts, now and on a date."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from consents.models import PolicyText, Purpose
from consents.rules import BUILT_IN, ESSENTIAL

_COLUMNS = ("name", "version", "title", "description", "legal_basis", "data_categories", "recipients", "retention_days",
          "sale_or_share")  # fmt: skip
_TEXT = ("version", "language", "body", "sha256", "published_at")


def current_purposes() -> list[dict[str, Any]]:
    """Return the current version of each purpose: the essential ones first, those built in in their order, then the
    shop's own by name. `essential` tells whether there is nothing to decide.
    """
    newest = Purpose.objects.order_by("name", "-version").distinct("name")
    return sorted(
        ({**row, "essential": row.pop("legal_basis") in ESSENTIAL} for row in newest.values(*_COLUMNS)), key=_position
    )


def purpose_versions(at: datetime) -> dict[str, dict[str, Any]]:
    """Return the version of each purpose that was the current one at that time, by name; the first one where the
    purpose came later, because an imported decision may be older than its purpose here.
    """
    versions: dict[str, dict[str, Any]] = {}
    for row in Purpose.objects.order_by("name", "version").values(*_COLUMNS, "created_at"):
        if row["name"] not in versions or row["created_at"] <= at:
            versions[row["name"]] = row
    return versions


def newest_policy(language: str = "", *, until: datetime | None = None) -> dict[str, Any] | None:
    """Return the newest policy text, or the newest that was published until then; None where there is none. It comes in
    that language if its version has it, else in English, else in any.
    """
    rows = PolicyText.objects.order_by("-published_at", "-pk")
    rows = rows if until is None else rows.filter(published_at__lte=until)
    newest = rows.values_list("version", flat=True).first()
    if newest is None:
        return None
    texts: dict[str, dict[str, Any]] = {row["language"]: row for row in rows.filter(version=newest).values(*_TEXT)}
    return texts.get(language) or texts.get("en") or next(iter(texts.values()))


def published_version(version: str) -> str:
    """Return the version if a text of it was published, else ""."""
    return version if version in PolicyText.objects.values_list("version", flat=True) else ""


def _position(row: Mapping[str, Any]) -> tuple[bool, int, str]:
    order = list(BUILT_IN)
    name = row["name"]
    return not row["essential"], order.index(name) if name in order else len(order), name
