"""What `make demo` makes of the environment that it finds."""

from pathlib import Path

import pytest

from common.embedded import instance, launch, ports


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> instance.Instance:
    """The stores of a demo in a folder of its own, not started."""
    monkeypatch.setattr(launch, "FOLDER", tmp_path)
    return instance.load(tmp_path)


def test_settings_of_production_lead_the_demo_nowhere(
    stores: instance.Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "REDIS_BROKER_URL", "REDIS_CHANNELS_URL"):
        monkeypatch.setenv(name, "redis://shop.example/0")
    monkeypatch.setenv("DATABASE_APP_ROLE", "shop.example")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://shop.example")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://shop.example/mlflow")

    environment = launch.prepare_environment(stores)

    assert [name for name, value in environment.items() if "shop.example" in value] == []
    assert environment["REDIS_URL"] == stores.valkey.url


def test_the_port_and_the_minutes_of_tuning_that_are_asked_for_are_taken_and_kept(
    stores: instance.Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(ports.pick())
    monkeypatch.setenv("PORT", port)
    monkeypatch.setenv("TUNING_MINUTES", "7")

    first = launch.prepare_environment(stores)
    monkeypatch.delenv("PORT")
    monkeypatch.delenv("TUNING_MINUTES")
    second = launch.prepare_environment(stores)

    assert (first["PORT"], first["PUBLIC_URL"], first["TUNING_MINUTES"]) == (port, f"http://localhost:{port}", "7")
    assert (second["PORT"], second["TUNING_MINUTES"]) == (port, "7")
