"""MLflow holds a copy of each version and knows which one is live; the rows decide."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from personalization.models import ModelState, ModelVersion
from personalization.services.mirror import NAME, flat_metrics, mirror_aliases, mirror_version

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


def test_only_numbers_become_metrics() -> None:
    assert flat_metrics({"a@5": 1, "b": {"c": 0.5, "d": "x"}, "e": True}) == {"a_at_5": 1.0, "b.c": 0.5}
