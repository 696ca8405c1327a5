"""The purposes as shoppers read them: the latest version of each."""

from dataclasses import dataclass

from consents.models import Purpose
from consents.rules import ESSENTIAL


@dataclass(frozen=True, slots=True)
class PurposeText:
    """One purpose in the shopper's words. `essential` ones need no consent; `retention_days` is None for no limit."""

    name: str
    title: str
    description: str
    basis: str
    essential: bool
    retention_days: int | None
    recipients: tuple[str, ...]


def purpose_texts() -> list[PurposeText]:
    """Return the latest version of each purpose, the essential ones first."""
    latest = {row.name: row for row in Purpose.objects.order_by("name", "version")}
    texts = [
        PurposeText(
            name=row.name,
            title=row.title,
            description=row.description,
            basis=row.get_legal_basis_display(),
            essential=row.legal_basis in ESSENTIAL,
            retention_days=row.retention_days,
            recipients=tuple(row.recipients),
        )
        for row in latest.values()
    ]
    return sorted(texts, key=lambda text: (not text.essential, text.title))
