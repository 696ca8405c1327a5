"""PostgreSQL refuses root; we find a way for whoever starts it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import instance, privileges


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Forget what this process found out about itself."""
    privileges.unprivileged.cache_clear()
    yield
    privileges.unprivileged.cache_clear()


def test_an_ordinary_user_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert privileges.unprivileged() == privileges.Privileges()


def test_root_with_namespaces_stays_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(privileges, "works", lambda namespace: True)

    assert privileges.unprivileged().prefix[:2] == ("unshare", "-U")
    assert privileges.reachable(tmp_path) == tmp_path


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_namespaces_runs_it_as_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(privileges, "works", lambda namespace: False)
    elsewhere = privileges.reachable(tmp_path)

    try:
        with instance.running(tmp_path) as stores:
            assert stores.ready()
            assert stores.postgres.data.parent == elsewhere
    finally:
        shutil.rmtree(elsewhere)
