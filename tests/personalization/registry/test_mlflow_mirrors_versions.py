"""MLflow holds a copy of each version and knows which one is live; the rows decide."""

from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from pytest_django.fixtures import Settings

from common.embedded.ports import pick
from personalization.models import ModelState, ModelVersion
from personalization.services.mirror import NAME, MirrorDown, flat_metrics, mirror, mirror_aliases, mirror_version
from personalization.services.registry import promote, roll_back
from tests.personalization.releases import admitted
from tests.personalization.shop import model

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def version(settings: Settings, tmp_path: Path) -> ModelVersion:
    settings.MLFLOW_TRACKING_URI = f"sqlite:///{tmp_path}/mlflow.db"
    settings.MODEL_DIR = tmp_path
    return ModelVersion.objects.create(
        version="2026-11-25.1",
        state=ModelState.CHAMPION,
        directory="2026-11-25.1",
        artefact_hash="a" * 64,
        rung="ranker",
        metrics={"ndcg@10": {"mean": 0.5, "low": 0.4}},
        report={"ladder": []},
    )


def test_a_version_is_mirrored_once_with_its_alias(version: ModelVersion, settings: Settings) -> None:
    first = mirror_version(version.version)
    second = mirror_version(version.version)

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    assert first == second
    assert client.get_run(str(first)).data.metrics["ndcg_at_10.mean"] == 0.5
    assert client.get_model_version_by_alias(NAME, "champion").run_id == first


def test_the_alias_follows_the_champion(version: ModelVersion, settings: Settings) -> None:
    mirror_version(version.version)
    ModelVersion.objects.update(state=ModelState.RETIRED)
    ModelVersion.objects.create(
        version="2026-11-25.2", state=ModelState.CHAMPION, directory="2026-11-25.2", artefact_hash="b" * 64
    )

    mirror_aliases()

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI, registry_uri=settings.MLFLOW_TRACKING_URI)
    live = client.get_model_version_by_alias(NAME, "champion")
    assert client.get_run(str(live.run_id)).data.tags["version"] == "2026-11-25.2"


def test_without_a_tracking_server_nothing_happens(version: ModelVersion, settings: Settings) -> None:
    settings.MLFLOW_TRACKING_URI = ""

    assert mirror_version(version.version) is None


def test_judging_promoting_and_going_back_have_a_worker_mirror_the_version(
    version: ModelVersion, stocked: None, settings: Settings, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    sent: list[list[str]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append(args))
    ModelVersion.objects.all().delete()

    with django_capture_on_commit_callbacks(execute=True):
        first = admitted(model(("popular",)))
        promote(first, actor="staff:1")
    with django_capture_on_commit_callbacks(execute=True):
        second = admitted(model(("popular",)))
        promote(second, actor="staff:1")
        roll_back(actor="staff:1")

    assert sent == [[first], [first], [second], [second], [first]]


def test_a_server_that_is_down_is_told_apart_so_that_the_worker_asks_again(
    version: ModelVersion, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MLFLOW_TRACKING_URI = f"http://127.0.0.1:{pick()}"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(MirrorDown):
        mirror(version.version)


def test_only_numbers_become_metrics() -> None:
    assert flat_metrics({"a@5": 1, "b": {"c": 0.5, "d": "x"}, "e": True}) == {"a_at_5": 1.0, "b.c": 0.5}
