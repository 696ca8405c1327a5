"""The verdict of the gate as it is stored, and the case it is about, sealed on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.evaluation.model_checks.case import Case, Limits, ModelCheck
from recsys.evaluation.model_checks.checks import run_checks
from recsys.evaluation.model_checks.comparison import (
    GroupComparison,
    MetricComparison,
    compare_groups,
    compare_metrics,
)
from recsys.evaluation.model_checks.slate_table import CatalogView, SlateTable
from recsys.metrics.hits import target_counts
from recsys.metrics.intervals import Interval
from recsys.ranking import artifact
from recsys.sources import storage

TABLE, ARRAYS = "table.json", "table.npz"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The results of all checks of one case; `reference` names in words what the version was compared with."""

    reference: str
    checks: Sequence[ModelCheck]
    comparisons: Sequence[MetricComparison] = ()
    groups: Sequence[GroupComparison] = ()

    @classmethod
    def of(cls, case: Case, *, reference: str) -> "Verdict":
        """Return the verdict of all checks on the case, and how the metrics differ, also by group."""
        return cls(reference, run_checks(case), compare_metrics(case), compare_groups(case))

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> list[ModelCheck]:
        """The checks that failed."""
        return [check for check in self.checks if not check.passed]

    @property
    def reason(self) -> str:
        """The reason for a refusal, one clause per failed check."""
        return "; ".join(f"{check.name}: {check.detail}" for check in self.failed)

    def json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "passed": self.passed,
            "reference": self.reference,
            "checks": [_plain(asdict(check)) for check in self.checks],
            "comparisons": [asdict(one) for one in self.comparisons],
            "groups": [asdict(one) for one in self.groups],
        }


def write_case(directory: Path, case: Case) -> str:
    """Write the case into a new directory and return its hash; the checks can be run again on it."""
    directory.mkdir(parents=True)
    challenger, reference = case.challenger, case.reference
    sizes = target_counts(challenger.targets)
    arrays: dict[str, Any] = {
        "challenger": challenger.slates,
        "reference": reference.slates,
        "targets": np.concatenate([*challenger.targets, np.empty(0, np.int64)]),
        "ends": np.cumsum(sizes),
        "supplier": case.catalog_view.supplier,
        "popularity": case.catalog_view.popularity,
        "new": case.catalog_view.new,
    }
    if case.catalog_view.listed is not None:
        arrays["listed"] = case.catalog_view.listed
    if challenger.latency_ms is not None:
        arrays["latency_ms"] = challenger.latency_ms
    storage.write_arrays(directory / ARRAYS, arrays)
    statistics = {
        "groups": {kind: list(labels) for kind, labels in challenger.groups.items()},
        "fitted_until": challenger.fitted_until,
        "parts": dict(challenger.parts),
        "reference_fitted_until": reference.fitted_until,
        "cut": case.catalog_view.cut,
        "absent": case.catalog_view.n_absent,
        "has_champion": case.has_champion,
        "reference_rung": case.reference_stage,
        "limits": asdict(case.limits),
        "expected": asdict(case.expected) if case.expected else None,
    }
    storage.write_json(directory / TABLE, statistics)
    return artifact.seal(directory, {"kind": "held-out slates"})


def read_case(directory: Path, *, expected: str | None = None) -> Case:
    """Return what `write_case` wrote. Raises ArtifactError where it changed."""
    artifact.unseal(directory, expected=expected)
    arrays: Mapping[str, Any] = storage.read_arrays(directory / ARRAYS)
    statistics: Mapping[str, Any] = storage.read_json(directory / TABLE)
    targets = tuple(np.split(arrays["targets"], arrays["ends"][:-1])) if len(arrays["ends"]) else ()
    groups = {kind: tuple(labels) for kind, labels in statistics["groups"].items()}
    timing = arrays.get("latency_ms")
    view_columns = (
        arrays["supplier"],
        arrays["popularity"],
        arrays["new"],
        statistics["cut"],
        statistics.get("absent", 0),
    )
    return Case(
        challenger=SlateTable(
            arrays["challenger"], targets, groups, timing, statistics["fitted_until"], statistics.get("parts", {})
        ),
        reference=SlateTable(arrays["reference"], targets, groups, None, statistics["reference_fitted_until"]),
        catalog_view=CatalogView(*view_columns, arrays.get("listed")),
        has_champion=statistics["has_champion"],
        limits=Limits(**statistics["limits"]),
        expected=Interval(**statistics["expected"]) if statistics.get("expected") else None,
        reference_stage=statistics.get("reference_rung", ""),
    )


def _plain(check: dict[str, Any]) -> dict[str, Any]:
    """Return numpy scalars as Python values, and numbers that are not finite as None."""
    numbers = {name: None if check[name] is None else float(check[name]) for name in ("value", "limit")}
    finite = {name: value if value is not None and np.isfinite(value) else None for name, value in numbers.items()}
    return {**check, **finite, **{name: bool(check[name]) for name in ("passed", "misses_bar")}}
