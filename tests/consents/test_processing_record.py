"""The record of processing: every personal field of every room is declared, and the record says what is declared."""

import csv
import io
import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.apps.registry import Apps
from django.core.management import CommandError, call_command
from django.db import models

from common import personal_data, privacy, retention
from common.personal_data import PersonalFields
from consents.models import PrivacyRequest, Purpose
from consents.selectors.processing import as_text, processing_record, undeclared

pytestmark = pytest.mark.django_db


def test_every_personal_field_is_declared_with_purpose_retention_and_eraser() -> None:
    assert undeclared() == []
    assert len(personal_data.places()) > 50


def problems_of(model: Any) -> list[str]:
    with mock.patch.object(personal_data, "_models", return_value=[model]):
        return [line for line in undeclared() if not line.startswith("store ")]


def test_a_new_field_that_looks_personal_is_reported() -> None:
    class Visit(models.Model):  # noqa: DJ008
        raw_id = models.TextField()
        anything = models.JSONField()
        title = models.TextField()

        class Meta:
            app_label = "consents"
            apps = Apps()

    assert problems_of(Visit) == [
        "consents.Visit.raw_id: looks personal, and is not declared",
        "consents.Visit.anything: may hold anything, and is not declared",
    ]


def test_a_table_that_refers_to_a_shopper_is_reported() -> None:
    class Note(models.Model):  # noqa: DJ008
        request = models.ForeignKey(PrivacyRequest, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "consents"
            apps = Apps()

    assert problems_of(Note) == ["consents.Note: refers to a table about people, and declares nothing"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"eraser": "nobody"}, "unknown eraser 'nobody'"),
        ({"retention": "forever"}, "unknown retention 'forever'"),
        ({"purposes": ("curiosity",)}, "unknown purpose 'curiosity'"),
        ({"purposes": ()}, "no purpose"),
        ({"category": "things"}, "unknown category 'things'"),
    ],
)
def test_an_incomplete_declaration_is_reported(change: dict[str, Any], problem: str) -> None:
    whole = {
        "fields": ("raw_id",),
        "category": "identifiers",
        "purposes": ("analytics",),
        "retention": "events",
        "eraser": "events",
    }

    class Visit(models.Model):  # noqa: DJ008
        raw_id = models.TextField()
        personal_fields = (PersonalFields(**{**whole, **change}),)

        class Meta:
            app_label = "consents"
            apps = Apps()
            db_table = "visit"

    with mock.patch.object(personal_data, "_places", []):
        assert problems_of(Visit) == [f"visit: {problem}"]


def test_a_store_that_no_declaration_names_is_reported() -> None:
    store = privacy.Store("cellar", erase=lambda _: 0, export=lambda _: {}, discover=lambda _: [])

    with mock.patch.dict(privacy._stores, {"cellar": store}):
        assert undeclared() == ["store 'cellar': no declaration names it"]
        with pytest.raises(CommandError, match="cellar"):
            call_command("record_of_processing", "--check")


def test_the_record_has_what_article_30_asks_for(settings: Any) -> None:
    settings.PRIVACY_CONTACT = ""
    assert "in the environment (docs/operations.md)" in processing_record().contact
    settings.SHOP_NAME, settings.PRIVACY_CONTACT = "Lamps Ltd", "privacy@lamps.example"
    Purpose.objects.create(name="crm_sync", version=2, title="CRM", description="d", recipients=["Mailer Inc"])

    record = processing_record()
    by_name = {one.purpose: one for one in record.activities}

    assert (record.controller, record.contact) == ("Lamps Ltd", "privacy@lamps.example")
    assert by_name["crm_sync"].recipients == "Mailer Inc"
    assert by_name["personalization"].legal_basis == "Consent"
    assert "Histories, traits and segments" in by_name["personalization"].categories
    assert "Events: 730 days after it was sent" in by_name["personalization"].retention
    assert by_name["ads_share"].is_sale_or_share
    assert by_name["ads_share"].recipients.startswith("not stated")
    assert by_name["analytics"].recipients == "nobody outside the shop"
    assert by_name["security"].persons == "shoppers, staff"
    assert {row.where for row in record.places} >= {"events_event", "v:h:*", "django_session", "customers_customer"}


def test_the_record_comes_in_three_formats(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("record_of_processing")
    markdown = capsys.readouterr().out
    call_command("record_of_processing", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    call_command("record_of_processing", "--format", "json")
    record = json.loads(capsys.readouterr().out)

    assert "## Showing what fits you" in markdown
    assert "* Legal basis: Consent" in markdown
    assert len(rows) == len(record["places"]) > 50
    assert all(row["eraser"] and row["retention"] and row["purposes"] for row in rows)
    with pytest.raises(ValueError, match="pdf"):
        as_text(processing_record(), "pdf")


@pytest.mark.parametrize(
    ("period", "words"),
    [(timedelta(days=730), "730 days"), (timedelta(hours=1), "1 hour"), (timedelta(0), "0 seconds"),
     (timedelta(seconds=90), "90 seconds"), (timedelta(days=3650), "3,650 days")],
)  # fmt: skip
def test_a_length_in_words(period: timedelta, words: str) -> None:
    assert retention.length_in_words(period) == words
