"""Model versions beside each other, and the ladder of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from personalization.models import ModelVersion

SHOWN = 6


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the ladder on validation: NDCG@10 with interval, the chance to be better, whether taken."""

    rung: str
    name: str
    value: float
    low: float
    high: float
    chance: float
    taken: bool

    @property
    def sentence(self) -> str:
        """Return the rung in words."""
        verdict = "taken" if self.taken else "not earned"
        return f"{self.rung} ({self.name}): NDCG@10 {self.value:.4f} [{self.low:.4f}, {self.high:.4f}], {verdict}"


def ladder_of(report: Mapping[str, Any]) -> list[Rung]:
    """Return the rungs of a report, from the lowest."""
    return [
        Rung(
            rung=str(step["rung"]),
            name=str(step["name"]),
            value=_finite(step["ndcg"]["value"]),
            low=_finite(step["ndcg"]["low"]),
            high=_finite(step["ndcg"]["high"]),
            chance=_finite(step["chance"]),
            taken=bool(step["taken"]),
        )
        for step in report.get("ladder", ())
    ]


def compared(limit: int = SHOWN) -> dict[str, Any]:
    """Return the latest versions, and each metric as a row over them."""
    versions = list(ModelVersion.objects.order_by("-created_at")[:limit])
    names = sorted({name for version in versions for name in version.metrics})
    rows = [(name, [version.metrics.get(name) for version in versions]) for name in names]
    ladders = [(version, ladder_of(version.report)) for version in versions]
    return {"versions": versions, "rows": rows, "ladders": ladders}


def _finite(value: float | None) -> float:
    """Return the number; what could not be measured is stored as null and shown as not a number."""
    return float("nan") if value is None else float(value)
