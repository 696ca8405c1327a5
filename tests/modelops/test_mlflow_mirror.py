"""MLflow has a copy of each version and an alias for the live one; the rows are authoritative."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from pytest_django.fixtures import Settings

from common import clock
from embedded import procfile
from embedded.ports import pick
from modelops.models import ModelState, ModelVersion
from modelops.services import mirror as mirror_module
from modelops.services.mirror import (
    LOCK,
    MirrorDown,
    mirror,
    mirror_aliases,
    mirror_version,
)
from modelops.services.mirrored import flat_metrics
from modelops.services.registry import promote, roll_back
from modelops.services.retention import prune
from modelops.tasks import mirror_task
from recsys.ranking.artifact import unseal
from recsys.ranking.model import HybridModel
from tests.modelops.releases import judged_version, passed_version
from tests.modelops.reports import REPORT
from tests.recsys.furniture import model
from tests.recsys.planted import case, slow, usual

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store; creating one takes seconds, copying it does not."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{file}", registry_uri=f"sqlite:///{file}").search_registered_models()
    return file


@pytest.fixture(autouse=True)
def tracking(empty_store: Path, settings: Settings, tmp_path: Path) -> None:
    """An MLflow store of the test's own."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    settings.MLFLOW_TRACKING_URI = f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def version(settings: Settings, tmp_path: Path) -> ModelVersion:
    settings.MODEL_DIR = tmp_path
    return ModelVersion.objects.create(
        version="2026-11-25.1",
        state=ModelState.CHAMPION,
        directory="2026-11-25.1",
        artifact_hash="a" * 64,
        stage="ranker",
        metrics={"ndcg@10": {"mean": 0.5, "low": 0.4}},
        report={"ladder": []},
    )


def test_version_is_copied_once_with_its_alias(version: ModelVersion, settings: Settings) -> None:
    first = mirror_version(version.version)
    second = mirror_version(version.version)

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    assert first == second
    experiment = client.get_run(str(first)).info.experiment_id
    assert ModelVersion.objects.get().tracking_run == f"{experiment}/{first}"
    assert client.get_run(str(first)).data.metrics["ndcg_at_10.mean"] == 0.5
    assert client.get_model_version_by_alias("vitrine", "champion").run_id == first


def test_same_version_name_of_another_installation_has_its_own_run(version: ModelVersion, settings: Settings) -> None:
    first = mirror_version(version.version)
    ModelVersion.objects.update(artifact_hash="b" * 64, stage="blend")

    second = mirror_version(version.version)

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    assert [client.get_run(str(run)).data.tags["stage"] for run in (first, second)] == ["ranker", "blend"]


def test_model_names_separate_aliases_of_installations(version: ModelVersion, settings: Settings) -> None:
    first = mirror_version(version.version)
    settings.MLFLOW_NAME = "shop-two"
    ModelVersion.objects.update(artifact_hash="b" * 64)
    second = mirror_version(version.version)

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    live = [client.get_model_version_by_alias(name, "champion").run_id for name in ("vitrine", "shop-two")]
    assert live == [first, second]
    assert {one.name for one in client.search_experiments()} >= {"vitrine", "shop-two"}


def test_copy_has_parameters_metrics_plots_and_a_loadable_model(
    stocked_shop: None, settings: Settings, tmp_path: Path
) -> None:
    row = judged_version(model(("popular",)), case(slow(usual()), usual()), report=REPORT)

    run_id = str(mirror_version(row.version))

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["source.rp3beta.alpha"] == "0.7"
    assert (run.data.params["seed"], run.data.params["candidates.rp3beta"]) == ("7", "60")
    assert run.data.metrics["test.blend.together.ndcg_at_10.low"] == 0.08
    assert run.data.metrics["gate.latency"] == pytest.approx(80.0)
    figures = {
        "ablation.rp3beta": 0.01,
        "importance.rp3beta_score": 0.02,
        "cold_start.5.released.ndcg_at_10.value": 0.1,
        "cold_start.all.popular.ndcg_at_10.high": 0.12,
        "surprise.as in the tutorial.value": 0.1,
        "rmse.item_mean.value": 1.1,
        "ladder.blend.chance": 0.99,
        "exposure.0.0.gini": 0.6,
        "removed.duplicates": 17.0,
    }
    assert {name: run.data.metrics.get(name) for name in figures} == figures
    assert run.data.tags["state"] == "refused"

    assert {one.path for one in client.list_artifacts(run_id)} == {
        "gate.json",
        "judged",
        "model",
        "plots",
        "report.json",
    }
    plots = {one.path for one in client.list_artifacts(run_id, "plots")}
    assert {"plots/evaluation.html", "plots/ladder.json", "plots/groups.json", "plots/reach.json"} <= plots
    page = Path(client.download_artifacts(run_id, "plots/evaluation.html", str(tmp_path))).read_text()
    assert "The ladder" in page
    assert page.count("Plotly.newPlot(") == len(plots) - 1
    assert "<script src=" not in page

    (registered,) = client.search_model_versions(f"run_id = '{run_id}'")
    assert registered.tags["artifact_hash"] == row.artifact_hash
    copied = Path(client.download_artifacts(run_id, "model", str(tmp_path / "there")))
    assert HybridModel.load(copied, expected=row.artifact_hash).stage == row.stage
    assert unseal(Path(client.download_artifacts(run_id, "judged", str(tmp_path / "there"))))


def test_manifest_only_without_artifact_copies(stocked_shop: None, settings: Settings) -> None:
    settings.MLFLOW_COPIES_ARTEFACTS = False
    version = passed_version(model(("popular",)))

    run_id = str(mirror_version(version))

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI)
    assert [one.path for one in client.list_artifacts(run_id, "model")] == ["model/manifest.json"]


def test_promotion_updates_aliases_of_both_versions(stocked_shop: None, settings: Settings) -> None:
    first, second = passed_version(model(("popular",))), passed_version(model(("popular",)))
    promote(first, actor="staff:1")
    mirror(first)
    mirror(second)

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    aliases = client.get_registered_model("vitrine").aliases
    assert set(aliases) == {"champion", "challenger"}

    promote(second, actor="staff:1")
    mirror(second)

    assert client.get_registered_model("vitrine").aliases == {"champion": aliases["challenger"]}
    states = {one.tags["version"]: one.tags["state"] for one in client.search_model_versions("name = 'vitrine'")}
    assert states == {first: "retired", second: "champion"}


def test_former_champion_with_expired_waiver_is_updated(stocked_shop: None, settings: Settings) -> None:
    first, second = (
        judged_version(model(("popular",)), case(slow(usual()), usual())),
        passed_version(model(("popular",))),
    )
    ModelVersion.objects.filter(pk=first.pk).update(state=ModelState.CHAMPION)
    mirror(first.version)

    promote(second, actor="staff:1")
    mirror(second)

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    states = {one.tags["version"]: one.tags["state"] for one in client.search_model_versions("name = 'vitrine'")}
    assert states == {first.version: "retired", second: "champion"}


def test_interrupted_run_is_completed(
    version: ModelVersion, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_text", _refuse)
        with pytest.raises(OSError, match="disk"):
            mirror_version(version.version)

    run_id = str(mirror_version(version.version))

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI)
    assert {one.path for one in client.list_artifacts(run_id)} >= {"report.json", "gate.json", "plots"}
    assert len(client.search_runs([client.get_run(run_id).info.experiment_id])) == 1


def test_run_killed_at_its_last_step_is_terminated(
    version: ModelVersion, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "set_terminated", _refuse)
        with pytest.raises(OSError, match="disk"):
            mirror_version(version.version)

    run_id = str(mirror_version(version.version))

    assert MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI).get_run(run_id).info.status == "FINISHED"


def _refuse(*arguments: Any, **kwargs: Any) -> None:
    raise OSError("the disk is full")


def test_alias_follows_the_champion(version: ModelVersion, settings: Settings) -> None:
    mirror_version(version.version)
    ModelVersion.objects.update(state=ModelState.RETIRED)
    ModelVersion.objects.create(
        version="2026-11-25.2", state=ModelState.CHAMPION, directory="2026-11-25.2", artifact_hash="b" * 64
    )

    mirror_aliases()

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    live = client.get_model_version_by_alias("vitrine", "champion")
    assert client.get_run(str(live.run_id)).data.tags["version"] == "2026-11-25.2"


def test_pruned_version_keeps_metrics_without_files(stocked_shop: None, settings: Settings) -> None:
    from mlflow import MlflowClient

    old, new = passed_version(model(("popular",))), passed_version(model(("popular",)))
    run_id = str(mirror_version(old))
    mirror(new)
    ModelVersion.objects.filter(version=old).update(pruned_at=clock.now())

    mirror(new)  # the message of the deletion itself was lost
    mirror(old)  # or came late

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    assert {one.path for one in client.list_artifacts(run_id)} == {"gate.json", "plots", "report.json"}
    assert "pruned_at" in client.get_run(run_id).data.tags
    assert [one.tags["version"] for one in client.search_model_versions("name = 'vitrine'")] == [new]


def test_pruned_version_with_deleted_run_is_unregistered(stocked_shop: None, settings: Settings) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    old = passed_version(model(("popular",)))
    client.delete_run(str(mirror_version(old)))
    ModelVersion.objects.filter(version=old).update(pruned_at=clock.now())

    mirror(old)

    assert not client.search_model_versions("name = 'vitrine'")


def test_store_without_delete_keeps_only_files(
    stocked_shop: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    def cannot(self: LocalArtifactRepository, artifact_path: str | None = None) -> None:
        raise NotImplementedError

    monkeypatch.setattr(LocalArtifactRepository, "delete_artifacts", cannot)
    old = passed_version(model(("popular",)))
    mirror(old)
    ModelVersion.objects.filter(version=old).update(pruned_at=clock.now())

    mirror(old)

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    assert not client.search_model_versions("name = 'vitrine'")


def test_pruning_queues_a_copy(
    stocked_shop: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[list[str]] = []
    old, settings.MODELS_KEPT = passed_version(model(("popular",))), 1
    ModelVersion.objects.update(created_at=clock.now() - timedelta(days=2))
    passed_version(model(("popular",)))
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append(args))

    with django_capture_on_commit_callbacks(execute=True):
        assert prune(actor="system:schedule") == [old]

    assert sent == [[old]]


def test_no_copy_without_a_tracking_server(version: ModelVersion, settings: Settings) -> None:
    settings.MLFLOW_TRACKING_URI = ""

    assert mirror_version(version.version) is None


def test_verdict_promotion_and_roll_back_queue_a_copy(
    version: ModelVersion, stocked_shop: None, settings: Settings, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    sent: list[list[str]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append(args))
    ModelVersion.objects.all().delete()

    with django_capture_on_commit_callbacks(execute=True):
        first = passed_version(model(("popular",)))
        promote(first, actor="staff:1")
    with django_capture_on_commit_callbacks(execute=True):
        second = passed_version(model(("popular",)))
        promote(second, actor="staff:1")
        roll_back(actor="staff:1")

    assert sent == [[first], [first], [second], [second], [first]]


def test_copies_do_not_wait_behind_trainings() -> None:
    for task in ("modelops.mirror", "modelops.train"):
        current_app.send_task(task, args=["2026-11-25.1"])

    with current_app.connection_for_read() as broker:
        for name, task in (("mlflow", "modelops.mirror"), ("celery", "modelops.train")):
            with broker.SimpleQueue(name) as queue:
                message = queue.get(block=False)
                message.ack()
                assert message.headers["task"] == task

    processes = procfile.read(Path(__file__).parents[2] / "Procfile")
    assert "mlflow" in processes["copier"]
    assert "--queues" not in processes["worker"]


def test_unreachable_server_raises_mirror_down(
    version: ModelVersion, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MLFLOW_TRACKING_URI = f"http://127.0.0.1:{pick()}"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(MirrorDown):
        mirror(version.version)


@pytest.mark.django_db(transaction=True)
def test_lost_database_raises_mirror_down(version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "mirror_version", lambda version: connection.connection.close())

    with pytest.raises(MirrorDown):
        mirror(version.version)
    connection.close()


def test_concurrent_workers_create_one_run(version: ModelVersion) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        with pytest.raises(MirrorDown, match="Another version is being mirrored"):
            mirror(version.version)
    finally:
        other.close()


def test_killed_copy_is_retried_a_limited_number_of_times() -> None:
    assert mirror_task.acks_late
    assert mirror_task.reject_on_worker_lost
    # Without it a copy that is too large for the machine would be delivered again and again.
    assert mirror_task.retry_on_worker_lost
    assert mirror_task.max_retries == 8


def test_only_numbers_become_metrics() -> None:
    assert flat_metrics({"a@5": 1, "b": {"c": 0.5, "d": "x"}, "e": True}) == {"a_at_5": 1.0, "b.c": 0.5}
