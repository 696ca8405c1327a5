"""Data checks before training. Checks are stored on the run; refusals and alarms are audited."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db import transaction

from audit.services import record
from common.errors import Conflict
from modelops.models import AlarmKind, ModelVersion, TrainingRun
from modelops.selectors.registry import live_version
from modelops.services.alarms import raise_or_settle
from recsys.data.data_checks import check_dataset, failed
from recsys.evaluation.report_values import storable

if TYPE_CHECKING:
    from recsys.data.dataset import Dataset


def examine(dataset: "Dataset", run: TrainingRun) -> None:
    """Check the data against those of the live version, and store the checks on the run.

    A failed check raises an alarm. Raises Conflict if the feed looks broken, unless the run is forced.
    """
    live = live_version()
    checks = check_dataset(dataset, last=data_profile_of(live))
    refusals = failed(checks, "refuses")
    run.data_report = storable({**dataset.report, "checks": [asdict(one) for one in checks]})
    run.save(update_fields=["data_report"])
    with transaction.atomic():
        raise_or_settle(
            AlarmKind.DATA, [one for one in checks if one.grade != "notes"], actor=run.actor, version=live, run=run
        )
        if refusals:
            data = {"failed": refusals, "forced": run.forced, "live": live.version if live else None}
            action = "training.forced" if run.forced else "training.refused"
            record(category="model", action=action, actor=run.actor, object=f"training_run:{run.pk}", data=data)
    if refusals and not run.forced:
        raise Conflict(f"These data look broken: {'; '.join(refusals)}. Mend the feed, or train by force.")


def data_profile_of(version: ModelVersion | None) -> Mapping[str, Any] | None:
    """Return the data profile of a version's training, None if there is none."""
    return version.report.get("data_profile") if version else None
