"""The ladder of a version: the stages that validation compared. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One stage of the ladder on the validation set: NDCG@10 with interval, chance to be better, whether taken."""

    stage: str
    name: str
    value: float
    low: float
    high: float
    chance: float
    taken: bool

    @property
    def sentence(self) -> str:
        """Return the stage in words."""
        verdict = "taken" if self.taken else "not earned"
        return f"{self.stage} ({self.name}): NDCG@10 {self.value:.4f} [{self.low:.4f}, {self.high:.4f}], {verdict}"


def ladder_of(report: Mapping[str, Any]) -> list[LadderStep]:
    """Return the stages of a report, the lowest first."""
    return [
        LadderStep(
            stage=str(step["stage"]),
            name=str(step["name"]),
            value=_finite(step["ndcg"]["value"]),
            low=_finite(step["ndcg"]["low"]),
            high=_finite(step["ndcg"]["high"]),
            chance=_finite(step["chance"]),
            taken=bool(step["taken"]),
        )
        for step in report.get("ladder", ())
    ]


def _finite(value: float | None) -> float:
    """Return the number; null, which stands for a value that could not be measured, becomes NaN."""
    return float("nan") if value is None else float(value)
