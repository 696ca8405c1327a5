"""Model versions for tests: registered, and judged by the gate."""

from collections.abc import Mapping
from typing import Any

from modelops.models import ModelVersion
from modelops.services.gate import judge_version
from modelops.services.registry import register
from recsys.evaluation.model_checks.case import Case
from recsys.ranking.model import HybridModel
from tests.recsys.planted import harmless


def passed_version(bundle: HybridModel, *, report: Mapping[str, Any] | None = None) -> str:
    """Register a bundle that passes the gate, and return its version."""
    return judged_version(bundle, harmless(), report=report).version


def judged_version(bundle: HybridModel, case: Case, *, report: Mapping[str, Any] | None = None) -> ModelVersion:
    """Register a bundle, run_checks it with the case at the gate, and return its row."""
    version = register(bundle, report=report or {}, actor="system:training")
    return judge_version(version.version, case, reference="2026-11-24.1", actor="system:training")
