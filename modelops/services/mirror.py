"""A copy of every model version in MLflow: run, parameters, metrics, plots, artifacts, registered version, alias.

The ModelVersion row is authoritative (docs/adr/0010); data scientists compare versions in MLflow. A failed copy never
stops a release, and a second copy changes nothing.
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
from modelops.services.advisory_lock import advisory_lock
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

MODEL, GATE_TABLE, PLOTS = "model", "judged", "plots"
ALIASES = {ModelState.CHAMPION: "champion", ModelState.CHALLENGER: "challenger"}
COMPLETE = "mirrored"
"""The tag of a complete run; without it, the next attempt writes the run again."""
LOCK: Final = 0x766D_6D66
"""Advisory lock: one version is mirrored at a time."""
BATCH_SIZE = 100
"""The most parameters that MLflow accepts in one call; its limit for metrics is higher."""
log = logging.getLogger(__name__)


class MirrorDown(Exception):
    """MLflow or the database failed; a later attempt may succeed."""


def mirror_version(version: str) -> str | None:
    """Write one version to MLflow and set its alias; return the run's id, or None without MLFLOW_TRACKING_URI.

    For a version whose artifact was deleted, files and registered version are deleted; the run stays with its report.
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
        _delete_copies(client, row, run_id)
    place = f"{client.get_run(run_id).info.experiment_id}/{run_id}"
    ModelVersion.objects.filter(pk=row.pk).update(tracking_run=place)  # last: the pages link only what is there
    return run_id


def mirror(version: str) -> None:
    """Write one version to MLflow, update the aliases, and delete the copies of pruned versions.

    Raises MirrorDown if MLflow or the database fails, or another process is writing: both would create a run.
    """
    if not settings.MLFLOW_TRACKING_URI:
        return
    from mlflow.exceptions import MlflowException

    with advisory_lock(LOCK) as acquired:
        if not acquired:
            raise MirrorDown("Another version is being mirrored.")
        try:
            mirror_version(version)
            mirror_aliases()
            mirror_pruned()
        except (MlflowException, OSError, OperationalError, InterfaceError) as error:
            raise MirrorDown(masked(str(error))) from error


def mirror_soon(version: str) -> None:
    """Queue the copy of a version after the transaction; a lost message costs only the copy."""
    if settings.MLFLOW_TRACKING_URI:
        transaction.on_commit(lambda: _to_worker(version), robust=True)


def mirror_aliases() -> None:
    """Set the alias `champion` to the live version, and update the state of the previous one."""
    live = live_version()
    # The last retired version, not the roll-back target: that may be older if a waiver has expired.
    former = ModelVersion.objects.filter(state=ModelState.RETIRED, retired_at__isnull=False).order_by("-retired_at")
    for row in (former.first(), live):
        if row is not None:
            mirror_version(row.version)


def mirror_pruned() -> None:
    """Delete copies of versions that were pruned here while MLflow was down."""
    pruned = set(ModelVersion.objects.filter(pruned_at__isnull=False).values_list("version", "artifact_hash"))
    for registered in _client().search_model_versions(f"name = '{settings.MLFLOW_NAME}'") if pruned else ():
        if _source_version(registered) in pruned:
            mirror_version(registered.tags["version"])


def _to_worker(version: str) -> None:
    current_app.send_task("modelops.mirror", args=[version])


def _client() -> "MlflowClient":
    # MLflow's own timeouts are minutes; the task retries later instead.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    # Importing MLflow takes seconds; no web request should wait for it.
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)


def _experiment(client: "MlflowClient") -> str:
    experiment = client.get_experiment_by_name(settings.MLFLOW_NAME)
    if experiment is not None:
        return str(experiment.experiment_id)
    return str(client.create_experiment(settings.MLFLOW_NAME, artifact_location=_artifacts()))


def _artifacts() -> str | None:
    """Return the location of files; None for a server, which stores them itself."""
    if settings.MLFLOW_TRACKING_URI.startswith("http"):
        return None
    return (Path(settings.MODEL_DIR).resolve() / "mlflow").as_uri()


def _run_of(client: "MlflowClient", row: ModelVersion) -> str:
    """Return the id of the version's complete run; write it if needed."""
    # Another installation on the same server may have the same version name, with another artifact.
    name = f"tags.version = '{row.version}' and tags.artifact_hash = '{row.artifact_hash}'"
    runs = client.search_runs([_experiment(client)], name, max_results=1)
    if runs and COMPLETE in runs[0].data.tags:
        return str(runs[0].info.run_id)
    run_id = runs[0].info.run_id if runs else _new_run(client, row)
    _write(client, row, run_id)
    client.set_terminated(run_id)
    client.set_tag(run_id, COMPLETE, "whole")  # last, so an interrupted run lacks it
    return str(run_id)


def _new_run(client: "MlflowClient", row: ModelVersion) -> str:
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
    """Copy the artifact and the gate's table; without MLFLOW_COPIES_ARTEFACTS only the manifest."""
    if settings.MLFLOW_COPIES_ARTEFACTS:
        for directory, path in ((directory_of(row), MODEL), (table_of(row), GATE_TABLE)):
            if directory.exists():
                client.log_artifacts(run_id, str(directory), path)
    elif (manifest := directory_of(row) / MANIFEST).exists():
        client.log_text(run_id, manifest.read_text(encoding="utf-8"), f"{MODEL}/{MANIFEST}")


def _delete_copies(client: "MlflowClient", row: ModelVersion, run_id: str) -> None:
    """Delete the copied files, then the registered version; the order makes an interrupted attempt repeatable."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    where = client.get_run(run_id).info.artifact_uri
    files = get_artifact_repository(where, tracking_uri=settings.MLFLOW_TRACKING_URI)
    for path in (MODEL, GATE_TABLE):
        try:
            files.delete_artifacts(path)  # type: ignore[no-untyped-call]
        except NotImplementedError:  # some MLflow stores cannot delete; the registered version is deleted all the same
            log.warning("mirror.not_deleted run=%s path=%s", run_id, path)
    model_name = settings.MLFLOW_NAME
    for registered in client.search_model_versions(f"name = '{model_name}'"):
        # Also matched by tags: its run may have been deleted in MLflow, and this run is a new one.
        if registered.run_id == run_id or _source_version(registered) == (row.version, row.artifact_hash):
            client.delete_model_version(model_name, registered.version)


def _source_version(registered: "RegisteredVersion") -> tuple[str | None, str | None]:
    """Return our version name and artifact hash of a registered version."""
    return registered.tags.get("version"), registered.tags.get("artifact_hash")


def _chunks(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    pairs = iter(values.items())
    while some := dict(islice(pairs, BATCH_SIZE)):
        yield some


def _register(client: "MlflowClient", row: ModelVersion, run_id: str) -> None:
    """Register the run's model once, set its tags, and set or delete its alias."""
    model_name = settings.MLFLOW_NAME
    if not client.search_registered_models(f"name = '{model_name}'"):
        client.create_registered_model(model_name)
    existing = client.search_model_versions(f"name = '{model_name}' and run_id = '{run_id}'")
    # A server accepts only the run's own files as source.
    source = f"{client.get_run(run_id).info.artifact_uri}/{MODEL}"
    registered = existing[0] if existing else client.create_model_version(model_name, source=source, run_id=run_id)
    for name, value in tags_of(row).items():
        client.set_model_version_tag(model_name, registered.version, name, value)
    alias_wanted = ALIASES.get(ModelState(row.state))
    if alias_wanted is not None:
        client.set_registered_model_alias(model_name, alias_wanted, registered.version)
    for alias in client.get_model_version(model_name, registered.version).aliases:
        if alias in ALIASES.values() and alias != alias_wanted:
            client.delete_registered_model_alias(model_name, alias)
