"""The compliance officer's pages: the record of processing, the practice audit, the figures of a year."""

import csv
import io
from datetime import UTC, datetime
from unittest import mock

import pytest
from django.urls import reverse

from common import clock
from consents.models import PrivacyRequest
from consents.services.practice import audit_practice
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
OFFICER = "compliance officer"


def test_the_record_is_shown_and_downloaded(log_in: LogIn) -> None:
    officer, page = log_in(OFFICER), reverse("portal:processing")

    text = officer.get(page).content.decode()
    files = {format: officer.get(page, {"format": format}) for format in ("markdown", "csv", "json")}

    assert "Showing what fits you" in text
    assert "events_event" in text
    assert "Not declared" not in text
    assert files["json"].json()["activities"]
    assert files["csv"]["Content-Type"] == "text/csv; charset=utf-8"
    assert files["markdown"].content.startswith(b"# Record of processing")
    assert officer.get(page, {"format": "pdf"}).status_code == 404
    assert officer.get(page, {"csv": "places"}).content.decode().startswith("Place,In,Fields")
    assert log_in("marketer").get(page).status_code == 403


def test_the_practice_audit_says_what_to_do_and_stands_on_the_officers_home(log_in: LogIn) -> None:
    officer, page = log_in(OFFICER), reverse("portal:practice")
    assert "No audit was made yet" in officer.get(page).content.decode()

    audit_practice()
    text, home = officer.get(page).content.decode(), officer.get("/admin/").content.decode()

    for one in (text, home):
        assert "Nobody is named who answers for personal data" in one
        assert "The audit log was never verified" in one
    assert "in line" in text
    assert "Nobody is named" not in log_in("marketer").get("/admin/").content.decode()


def test_the_officer_has_a_worker_check_now(log_in: LogIn) -> None:
    page = reverse("portal:practice")

    with mock.patch("celery.current_app.send_task") as send:
        answer = log_in(OFFICER).post(page, follow=True)
        denied = log_in("operator").post(page)

    assert "A worker compares now" in answer.content.decode()
    assert send.call_args.args == ("consents.audit_practice",)
    assert send.call_args.kwargs["kwargs"]["actor"].startswith("staff:")
    assert (denied.status_code, send.call_count) == (403, 1)


def test_the_figures_of_a_year_as_page_and_csv(log_in: LogIn) -> None:
    received_at = datetime(2025, 3, 1, tzinfo=UTC)
    PrivacyRequest.objects.create(
        kind="access", regime="ccpa", received_at=received_at, due_on=received_at.date(), opened_by="sk_1",
        subject_mark="m", status="completed", closed_at=datetime(2025, 3, 3, tzinfo=UTC),
    )  # fmt: skip
    officer, page = log_in(OFFICER), reverse("portal:privacy-year")

    text = officer.get(page, {"year": "2025"}).content.decode()
    (row,) = csv.DictReader(io.StringIO(officer.get(page, {"year": "2025", "csv": "requests"}).content.decode()))

    assert "Requests received in 2025" in text
    assert (row["Law"], row["Kind"], row["Complied"], row["Median days"]) == ("CCPA", "Access", "1", "2.0")
    assert "Nothing yet." in officer.get(page).content.decode()
    for year in ("1999", "x", "2025x", str(clock.now().year + 1)):
        assert officer.get(page, {"year": year}).status_code == 404
