"""The gate at work: a registered version is judged on its held-out table; the verdict is on its row and on record."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from audit.services import record
from common.errors import Conflict
from customers.selectors import accounts_of, attribute_of
from events.contexts import latest_context
from modelops.live import champion
from modelops.models import ModelState, ModelVersion
from modelops.selectors.registry import table_of
from modelops.services.atomic_files import removed_on_failure
from modelops.services.mirror import mirror_soon
from recsys.evaluation.model_checks.case import Case, Limits
from recsys.evaluation.model_checks.leaks import validation_ndcg
from recsys.evaluation.model_checks.verdict import Verdict, write_case
from recsys.ranking.model import LOADING_ERRORS, HybridModel

if TYPE_CHECKING:
    from recsys.data.data_checks import Check
    from recsys.data.folds import Fold
    from recsys.training.training import Training

KINDS: Mapping[str, Sequence[str]] = {"region": ("region", "country"), "device": ("device",)}
"""Kinds of groups, and the customer's attributes that tell them, the first one known."""
CONTEXT_DAYS = timedelta(days=90)
"""From how far before the held-out window on events are looked at for what the attributes do not tell."""
POPULARITY = "popularity"
log = logging.getLogger(__name__)


def judge_version(version: str, case: Case, *, reference: str, actor: str) -> ModelVersion:
    """Keep the held-out table beside the artefact and the verdict on the row; who failed is refused, with reasons.

    Raises Conflict where the version was judged before: its verdict stands; Unavailable where it cannot be written.
    """
    verdict = Verdict.of(case, reference=reference)
    with transaction.atomic():
        row = ModelVersion.objects.select_for_update().get(version=version)
        if row.gate:
            raise Conflict(f"{version} was judged already.")
        directory = table_of(row)
        row.gate = {**verdict.json(), "table": {"directory": directory.name, "hash": _sealed(directory, case)}}
        if not verdict.passed:
            row.state, row.refusal = ModelState.REFUSED, verdict.reason
        row.save(update_fields=["gate", "state", "refusal"])
        _record(row, verdict, actor=actor)
        mirror_soon(version)
    log.info("model.judged version=%s passed=%s reference=%s", version, verdict.passed, reference)
    return row


def held_out_case(
    training: "Training", report: Mapping[str, Any], user_ids: Sequence[str], *, reference: "HybridModel | None"
) -> Case:
    """Return what the gate judges a training by: its answers to the test window beside those of `reference`.

    `reference` is the champion's plan fitted on the same past; None means popularity.
    """
    # Here, not above: the web processes need none of the learning libraries.
    from recsys.evaluation.model_checks.held_out_case import build_case

    test = training.folds.test
    subjects = [user_ids[user] for user in test.users.tolist()]
    return build_case(
        training.model,
        test,
        champion=reference,
        labels=labels_of(subjects, since=datetime.fromtimestamp(test.until, UTC) - CONTEXT_DAYS),
        limits=Limits(latency_p99_ms=settings.GATE_LATENCY_MILLISECONDS),
        expected=validation_ndcg(report),
    ).in_hash_order()


def _sealed(directory: Path, case: Case) -> str:
    shutil.rmtree(directory, ignore_errors=True)  # left by a transaction that was rolled back
    with removed_on_failure(directory):
        return write_case(directory, case)


def stability_of(model: "HybridModel", test: "Fold") -> "Check | None":
    """Return how much of the live model's answers the new one keeps; None where nothing is live, or can be read."""
    from recsys.evaluation.model_checks.stability import model_stability

    live = champion()
    if live is None or not len(test):
        return None
    newest = live.increment or live
    try:
        before = HybridModel.load(newest.directory, expected=newest.artifact_hash)
    except LOADING_ERRORS as error:
        log.error("model.champion_unreadable version=%s error=%s", live.version, error)
        return None
    return model_stability(before, model, test)


def labels_of(subjects: Sequence[str], *, since: datetime) -> dict[str, tuple[str, ...]]:
    """Return region and device of each shopper, "" where unknown; a kind nobody is known by is left out.

    What customers' attributes do not tell is taken from the context of the latest event from `since` on that does.
    """
    labels, accounts = {}, accounts_of(subjects)
    for kind, names in KINDS.items():
        known: dict[str, str] = {}
        for name in reversed(names):
            known |= attribute_of(accounts, name=name)
        others = [raw_id for raw_id, subject in accounts.items() if subject not in known]
        contexts = latest_context(others, name=kind, since=since)
        for raw_id, label in contexts.items():  # the key's own account before those joined with it
            if raw_id == accounts[raw_id] or accounts[raw_id] not in contexts:
                known[accounts[raw_id]] = label
        if known:
            labels[kind] = tuple(known.get(subject, "") for subject in subjects)
    return labels


def _record(row: ModelVersion, verdict: Verdict, *, actor: str) -> None:
    record(
        category="model",
        action="model.judged" if verdict.passed else "model.refused",
        actor=actor,
        object=f"model_version:{row.version}",
        data={
            "version": row.version,
            "artifact_hash": row.artifact_hash,
            "table_hash": row.gate["table"]["hash"],
            "reference": verdict.reference,
            "failed": [check.name for check in verdict.failed],
            "reason": verdict.reason,
        },
    )
