"""A copy of every model version in MLflow: run, parameters, metrics, plots, artefacts, registered version, alias.

The ModelVersion row decides (docs/adr/0010); MLflow is where a data scientist compares. A mirror that fails never
stops a release, and mirroring twice changes nothing.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from celery import current_app
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from common.credentials import masked
from modelops.live import directory_of
from modelops.models import ModelState, ModelVersion
from modelops.selectors.registry import live_version, table_of
from modelops.services.advisory_lock import alone
from modelops.services.mirrored import (
    metrics_of,
    page_of,
    params_of,
    plots_of,
    tags_of,
)
from recsys.ranking.artifact import MANIFEST

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as RegisteredVersion

MODEL, JUDGED, PLOTS = "model", "judged", "plots"
ALIASES = {ModelState.CHAMPION: "champion", ModelState.CHALLENGER: "challenger"}
WHOLE = "mirrored"
"""The tag of a run that was written to its end; without it the next try writes the run again."""
LOCK: Final = 0x766D_6D66
"""Advisory lock: one version is mirrored at a time."""
AT_ONCE = 100
"""Parameters that MLflow takes in one call; it takes more metrics."""
log = logging.getLogger(__name__)


class MirrorDown(Exception):
    """MLflow or the database did not answer, or not as hoped; asking later may help."""


def mirror_version(version: str) -> str | None:
    """Write one version to MLflow and set its alias; return the run's id, or None where no tracking is configured.

    Of a version whose artefact was deleted the run stays, with its report and figures; files and registered version go.
    """
    if not settings.MLFLOW_TRACKING_URI:
        return None
    row = ModelVersion.objects.get(version=version)
    client = _client()
    run_id = _run_of(client, row)
    for name, value in tags_of(row).items():
        client.set_tag(run_id, name, value)
    if row.pruned_at is None:
        _register(client, row, run_id)
    else:
        _take_back(client, row, run_id)
    return run_id


def mirror(version: str) -> None:
    """Write one version to MLflow, point the aliases at what is live, and let go there of what was deleted here.

    Raises MirrorDown where MLflow or the database fails, and where another process writes: two would open a run each.
    """
    if not settings.MLFLOW_TRACKING_URI:
        return
    from mlflow.exceptions import MlflowException

    with alone(LOCK) as mine:
        if not mine:
            raise MirrorDown("Another version is being mirrored.")
        try:
            mirror_version(version)
            mirror_aliases()
            mirror_pruned()
        except (MlflowException, OSError, OperationalError, InterfaceError) as error:
            raise MirrorDown(masked(str(error))) from error


def mirror_soon(version: str) -> None:
    """Have a worker mirror a version once the transaction is through; a lost message costs a copy, no release."""
    if settings.MLFLOW_TRACKING_URI:
        transaction.on_commit(lambda: _to_worker(version), robust=True)


def mirror_aliases() -> None:
    """Point the alias `champion` at the version that is live now, and tell of the one before that it is not."""
    live = live_version()
    # Not where a rollback leads, which is an older one where the waiver of the last has run out.
    former = ModelVersion.objects.filter(state=ModelState.RETIRED, retired_at__isnull=False).order_by("-retired_at")
    for row in (former.first(), live):
        if row is not None:
            mirror_version(row.version)


def mirror_pruned() -> None:
    """Take back what is registered still, but was deleted here: while MLflow was down, or before copies followed."""
    gone = set(ModelVersion.objects.filter(pruned_at__isnull=False).values_list("version", "artefact_hash"))
    for known in _client().search_model_versions(f"name = '{settings.MLFLOW_NAME}'") if gone else ():
        if _whose(known) in gone:
            mirror_version(known.tags["version"])


def _to_worker(version: str) -> None:
    current_app.send_task("modelops.mirror", args=[version])


def _client() -> "MlflowClient":
    # MLflow's own patience is minutes; the worker has other things to do, and asks again later.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    # Importing MLflow takes seconds, which no web request should wait for.
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)


def _experiment(client: "MlflowClient") -> str:
    known = client.get_experiment_by_name(settings.MLFLOW_NAME)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(settings.MLFLOW_NAME, artifact_location=_artifacts()))


def _artifacts() -> str | None:
    """Return where files go; a server keeps them itself."""
    if settings.MLFLOW_TRACKING_URI.startswith("http"):
        return None
    return (Path(settings.MODEL_DIR).resolve() / "mlflow").as_uri()


def _run_of(client: "MlflowClient", row: ModelVersion) -> str:
    """Return the version's run, written whole."""
    # Another installation on the same server has a version of that day and number too, with another artefact.
    own = f"tags.version = '{row.version}' and tags.artefact_hash = '{row.artefact_hash}'"
    runs = client.search_runs([_experiment(client)], own, max_results=1)
    if runs and WHOLE in runs[0].data.tags:
        return str(runs[0].info.run_id)
    run_id = runs[0].info.run_id if runs else _opened(client, row)
    _write(client, row, run_id)
    client.set_terminated(run_id)
    client.set_tag(run_id, WHOLE, "whole")  # last: nothing is written after it by the next try
    return str(run_id)


def _opened(client: "MlflowClient", row: ModelVersion) -> str:
    return str(client.create_run(_experiment(client), run_name=row.version, tags=tags_of(row)).info.run_id)


def _write(client: "MlflowClient", row: ModelVersion, run_id: str) -> None:
    from mlflow.entities import Metric, Param

    at = int(row.created_at.timestamp() * 1000)
    for some in _chunks(params_of(row)):
        client.log_batch(run_id, params=[Param(name, value) for name, value in some.items()])
    for some in _chunks(metrics_of(row)):
        client.log_batch(run_id, metrics=[Metric(name, value, at, 0) for name, value in some.items()])
    client.log_text(run_id, json.dumps(row.report, indent=1, sort_keys=True), "report.json")
    client.log_text(run_id, json.dumps(row.gate, indent=1, sort_keys=True), "gate.json")
    client.log_text(run_id, page_of(row), f"{PLOTS}/evaluation.html")
    for slug, figure in plots_of(row).items():
        client.log_text(run_id, figure, f"{PLOTS}/{slug}.json")
    _copy_files(client, row, run_id)


def _copy_files(client: "MlflowClient", row: ModelVersion, run_id: str) -> None:
    """Copy the artefact and the judged table; where files are not wanted, the manifest that names and hashes them."""
    if settings.MLFLOW_COPIES_ARTEFACTS:
        for directory, path in ((directory_of(row), MODEL), (table_of(row), JUDGED)):
            if directory.exists():
                client.log_artifacts(run_id, str(directory), path)
    elif (manifest := directory_of(row) / MANIFEST).exists():
        client.log_text(run_id, manifest.read_text(encoding="utf-8"), f"{MODEL}/{MANIFEST}")


def _take_back(client: "MlflowClient", row: ModelVersion, run_id: str) -> None:
    """Delete what was copied of the model directory, then the registered version, by which a broken try is found."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    where = client.get_run(run_id).info.artifact_uri
    files = get_artifact_repository(where, tracking_uri=settings.MLFLOW_TRACKING_URI)
    for path in (MODEL, JUDGED):
        try:
            files.delete_artifacts(path)  # type: ignore[no-untyped-call]
        except NotImplementedError:  # MLflow cannot delete in every kind of store; what is registered goes all the same
            log.warning("mirror.not_deleted run=%s path=%s", run_id, path)
    own = settings.MLFLOW_NAME
    for known in client.search_model_versions(f"name = '{own}'"):
        # By its tags too: where its run was deleted there, this one is another.
        if known.run_id == run_id or _whose(known) == (row.version, row.artefact_hash):
            client.delete_model_version(own, known.version)


def _whose(known: "RegisteredVersion") -> tuple[str | None, str | None]:
    """Return which version of ours is registered, and its artefact's hash."""
    return known.tags.get("version"), known.tags.get("artefact_hash")


def _chunks(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    pairs = iter(values.items())
    while some := dict(islice(pairs, AT_ONCE)):
        yield some


def _register(client: "MlflowClient", row: ModelVersion, run_id: str) -> None:
    """Register the run's model once, tell where it stands, and give or take its alias."""
    own = settings.MLFLOW_NAME
    if not client.search_registered_models(f"name = '{own}'"):
        client.create_registered_model(own)
    known = client.search_model_versions(f"name = '{own}' and run_id = '{run_id}'")
    # A server takes no source outside of the run's own files.
    source = f"{client.get_run(run_id).info.artifact_uri}/{MODEL}"
    made = known[0] if known else client.create_model_version(own, source=source, run_id=run_id)
    for name, value in tags_of(row).items():
        client.set_model_version_tag(own, made.version, name, value)
    wanted = ALIASES.get(ModelState(row.state))
    if wanted is not None:
        client.set_registered_model_alias(own, wanted, made.version)
    for alias in client.get_model_version(own, made.version).aliases:
        if alias in ALIASES.values() and alias != wanted:
            client.delete_registered_model_alias(own, alias)
