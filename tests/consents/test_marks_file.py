"""The file of marks: what was written by hand or cut does not count, and no erasure is completed without it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from common import clock
from consents import marks_file
from consents.models import IdentityMethod, PrivacyRequest, StoreStep
from consents.services import decide_for, fulfilment
from consents.services.requests import open_request
from consents.suppression_mark import mark_of

ADA, BO = mark_of("user:ada"), mark_of("user:bo")


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Path:
    settings.ERASURE_MARKS_FILE = tmp_path / "audit" / "marks.txt"
    return Path(settings.ERASURE_MARKS_FILE)


@pytest.fixture
def no_broker() -> Iterator[None]:
    with mock.patch("celery.current_app.send_task"):
        yield


def test_the_latest_erasure_counts(file: Path) -> None:
    assert marks_file.read() == {}
    marks_file.append({ADA: 1, BO: 5})
    marks_file.append({ADA: 9})

    assert marks_file.read() == {ADA: 9, BO: 5}
    assert file.stat().st_mode & 0o777 == 0o600


def test_lines_that_were_cut_or_written_by_hand_do_not_count(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    marks_file.append({ADA: 1, BO: 5})
    text = file.read_text()
    file.write_text(f"{text.replace(f'{ADA} 1', f'{ADA} 7')}{BO} 9 {'0' * 64}\n\u00e4 b\n{ADA} 8 00")
    marks_file.append({ADA: 3})

    assert marks_file.read() == {ADA: 3, BO: 5}
    assert "erasure_marks.bad_lines" in caplog.text
    assert "lines=4" in caplog.text


@pytest.mark.django_db
@pytest.mark.usefixtures("no_broker")
def test_no_erasure_is_completed_before_the_file_has_its_marks(file: Path) -> None:
    file.parent.touch()  # a file in the folder's place
    decide_for("user:ada", decisions={"analytics": True}, actor="test")
    request = open_request("user:ada", kind="erasure", regime="gdpr", actor="sk_1", proof=IdentityMethod.LOGIN)
    fulfilment.fulfil(request.pk, actor="staff:7")

    def attempt() -> str:
        PrivacyRequest.objects.update(next_attempt_at=clock.now())
        fulfilment.work_on(request.pk)
        return PrivacyRequest.objects.get().status

    assert {attempt(), attempt()} == {"in_progress"}
    assert StoreStep.objects.get(store="consents").error.startswith("FileExistsError")
    file.parent.unlink()
    attempt()
    assert attempt() == "completed"
    assert marks_file.read().keys() == {ADA}
