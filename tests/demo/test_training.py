"""The demo's first training survives a store that goes away."""

from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from common import exits
from common.errors import Conflict
from demo import setup, training


def ended(*, failed: bool) -> SimpleNamespace:
    return SimpleNamespace(
        id=1, finished=True, failed=failed, version=None if failed else 1, message="why", percent=100, step=""
    )


@pytest.mark.parametrize(("failures", "version"), [(0, "v1"), (1, "v1"), (2, None)])
def test_a_failed_training_is_tried_once_more(
    monkeypatch: pytest.MonkeyPatch, failures: int, version: str | None
) -> None:
    runs = [ended(failed=True)] * failures + [ended(failed=False)]
    monkeypatch.setattr(training, "unfinished_run", lambda: None)
    monkeypatch.setattr(training, "queue_training", lambda **options: SimpleNamespace(pk=1))
    monkeypatch.setattr(training, "shown_run", lambda run_id: runs.pop(0))
    monkeypatch.setattr(training, "live_model", lambda: SimpleNamespace(version="v1"))

    if version is None:
        with pytest.raises(Conflict):
            training.train(lambda percent, step: None, here=False)
    else:
        assert training.train(lambda percent, step: None, here=False) == version


def test_a_store_that_goes_away_asks_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(setup, "prepare", gone)
    with pytest.raises(CommandError) as raised:
        call_command("demo")

    assert raised.value.returncode == exits.TRY_AGAIN
