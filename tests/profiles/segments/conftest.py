"""Segments in the database."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]


@pytest.fixture
def make_segment(db: None, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Creates a rule segment; no worker is told of its job."""
    from profiles.services.segments import create_segment

    monkeypatch.setattr("profiles.services.segment_jobs.current_app.send_task", lambda *args, **more: None)
    return lambda key, rule, **more: create_segment(
        **{"key": key, "name": key.title(), "rule": rule, "actor": "system:test", **more}
    )
