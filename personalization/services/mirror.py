"""A copy of every model version in MLflow: run, parameters, metrics, report, registered version, alias.

The ModelVersion row decides (docs/adr/0010); MLflow is where a data scientist compares. A mirror that fails never
stops a release, and mirroring twice changes nothing.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from celery import current_app
from django.conf import settings
from django.db import transaction

from personalization.models import ModelState, ModelVersion
from personalization.ranking.artefact import MANIFEST
from personalization.selectors.registry import directory_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME = "vitrine"
MODEL = "model"
ALIASES = {ModelState.CHAMPION: "champion", ModelState.CANDIDATE: "challenger"}


class MirrorDown(Exception):
    """MLflow did not answer, or not as hoped; asking later may help."""


def mirror_version(version: str) -> str | None:
    """Write one version to MLflow and set its alias; return the run's id, or None where no tracking is configured."""
    if not settings.MLFLOW_TRACKING_URI:
        return None
    row = ModelVersion.objects.get(version=version)
    client = _client()
    run_id = _known_run(client, row) or _new_run(client, row)
    _register(client, row, run_id)
    return run_id


def mirror(version: str) -> None:
    """Write one version to MLflow and point the aliases at what is live. Raises MirrorDown where MLflow fails."""
    if not settings.MLFLOW_TRACKING_URI:
        return
    from mlflow.exceptions import MlflowException

    try:
        mirror_version(version)
        mirror_aliases()
    except (MlflowException, OSError) as error:
        raise MirrorDown(str(error)) from error


def mirror_soon(version: str) -> None:
    """Have a worker mirror a version once the transaction is through; a lost message costs a copy, no release."""
    if settings.MLFLOW_TRACKING_URI:
        transaction.on_commit(lambda: _to_worker(version), robust=True)


def mirror_aliases() -> None:
    """Point the alias `champion` at the version that is live now, after a promotion or a rollback."""
    row = ModelVersion.objects.filter(state=ModelState.CHAMPION).first()
    if row is not None:
        mirror_version(row.version)


def _to_worker(version: str) -> None:
    current_app.send_task("personalization.mirror", args=[version])


def _client() -> "MlflowClient":
    # MLflow's own patience is minutes; the worker has other things to do, and asks again later.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
    # Importing MLflow takes seconds, which no web request should wait for.
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)


def _experiment(client: "MlflowClient") -> str:
    known = client.get_experiment_by_name(NAME)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(NAME, artifact_location=_artifacts()))


def _artifacts() -> str | None:
    """Return where files go; a server keeps them itself."""
    if settings.MLFLOW_TRACKING_URI.startswith("http"):
        return None
    return (Path(settings.MODEL_DIR).resolve() / "mlflow").as_uri()


def _known_run(client: "MlflowClient", row: ModelVersion) -> str | None:
    runs = client.search_runs([_experiment(client)], f"tags.version = '{row.version}'", max_results=1)
    return str(runs[0].info.run_id) if runs else None


def _new_run(client: "MlflowClient", row: ModelVersion) -> str:
    tags = {"version": row.version, "artefact_hash": row.artefact_hash, "data_hash": row.data_hash, "rung": row.rung}
    run_id = str(client.create_run(_experiment(client), run_name=row.version, tags=tags).info.run_id)
    client.log_param(run_id, "seed", row.seed)
    client.log_param(run_id, "rung", row.rung)
    for name, value in flat_metrics(row.metrics).items():
        client.log_metric(run_id, name, value)
    client.log_text(run_id, json.dumps(row.report, indent=1, sort_keys=True), "report.json")
    client.log_text(run_id, json.dumps(row.gate, indent=1, sort_keys=True), "gate.json")
    client.log_text(run_id, _manifest(row), f"{MODEL}/manifest.json")
    client.set_terminated(run_id)
    return run_id


def _manifest(row: ModelVersion) -> str:
    """Return what the artefact is made of and hashes to: MLflow holds the words, we the files."""
    file = directory_of(row) / MANIFEST
    return file.read_text(encoding="utf-8") if file.exists() else "{}"


def _register(client: "MlflowClient", row: ModelVersion, run_id: str) -> None:
    if not client.search_registered_models(f"name = '{NAME}'"):
        client.create_registered_model(NAME)
    known = client.search_model_versions(f"name = '{NAME}' and run_id = '{run_id}'")
    # A server takes no source outside of the run's own files.
    source = f"{client.get_run(run_id).info.artifact_uri}/{MODEL}"
    made = known[0] if known else client.create_model_version(NAME, source=source, run_id=run_id)
    if alias := ALIASES.get(ModelState(row.state)):
        client.set_registered_model_alias(NAME, alias, made.version)


def flat_metrics(metrics: dict[str, object], prefix: str = "") -> dict[str, float]:
    """Return nested numbers by dotted names in MLflow's alphabet: `{"ndcg@10": {"mean": .5}}` → `ndcg_at_10.mean`."""
    flat: dict[str, float] = {}
    for key, value in metrics.items():
        name = prefix + key.replace("@", "_at_")
        if isinstance(value, dict):
            flat |= flat_metrics(value, name + ".")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[name] = float(value)
    return flat
