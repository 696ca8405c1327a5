"""The compliance officer's pages: the record of processing, the practice audit, the figures of a year."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.urls import reverse

from common import clock
from common.ids import uuid7
from consents.models import PrivacyRequest
from consents.services.practice import audit_practice
from events.models import Event
from experiments.services.metrics import define_metric
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
        assert "Purposes without a current policy text" in one
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


def collected(name: str, properties: dict[str, Any], *, days: float = 0, **more: Any) -> None:
    at, id = clock.now() - timedelta(days=days), uuid7()
    whole = {"message_id": str(id), "received_at": at, "kind": "track", "user_id": "ada", "shard": 0, "log_offset": 1}
    Event.objects.create(**{**whole, "id": id, "at": at, "name": name, "properties": properties, **more})


def test_collected_fields_say_what_reads_them(log_in: LogIn) -> None:
    products = [{"product_id": "lamp", "brand": "Lux"}, {"product_id": "desk", "brand": "Oak"}]
    collected("Product Viewed", {"product_id": "lamp", "mood": "happy"}, context={"device": {}, "till": 4})
    collected("Product Viewed", {"product_id": "lamp", "products": "none"})
    collected("Order Completed", {"order_id": "O1", "products": products})
    collected("Products Searched", {"query": "lamp"})
    collected("Chair Sat On", {"minutes": 3, "mood": "tired"})
    collected("", {}, kind="identify", traits={"email": "a@b.c", "device": "x", "shoe_size": 43})
    collected("Product Viewed", {"past": 1}, days=31)
    numerator = {"source": "events", "aggregate": "sum", "events": ["Chair Sat On"], "field": "minutes"}
    define_metric("sitting", data={"name": "Sitting", "kind": "mean", "numerator": numerator}, actor="staff:1")
    officer, page = log_in(OFFICER), reverse("portal:collected-fields")

    def rows(slug: str) -> dict[tuple[str, str], dict[str, str]]:
        lines = csv.DictReader(io.StringIO(officer.get(page, {"csv": slug}).content.decode()))
        return {(line["Event"], line["Field"]): line for line in lines}

    assert set(rows("unread")) == {
        ("Product Viewed", "properties.mood"),
        ("Chair Sat On", "properties.mood"),
        ("Order Completed", "properties.products[].brand"),
        ("identify", "traits.shoe_size"),
        ("all", "context.till"),
    }
    assert set(rows("standard")) == {("Products Searched", "properties.query")}
    read = rows("read")
    assert read["Chair Sat On", "properties.minutes"]["Read by"] == "the metric “Sitting”"
    assert read["identify", "traits.email"]["Read by"] == "the search for customers"
    assert read["Product Viewed", "properties.product_id"]["Of its events"] == "100%"
    assert read["all", "context.device"]["Events with it"] == "1"
    text = officer.get(page).content.decode()
    assert "From 6 events" in text
    assert "happy" not in text
