"""The allow-list at the door: what it drops, counts and says, and how staff change it."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from audit.models import AuditEvent
from common import clock
from events.allowed_fields import forget_list
from events.dropped_fields import drop_counter, dropped_fields
from events.models import AllowedField
from experiments.services.metrics import define_metric
from tests.staff import LogIn

if TYPE_CHECKING:
    from tests.events.collect.conftest import LogReader

Maker = Callable[..., dict[str, Any]]
PROPERTIES = {"product_id": "P1", "mood": "happy", "grün, x": 1}


def send(client: APIClient, item: dict[str, Any]) -> Any:
    answer = client.post("/v1/batch", json.dumps({"batch": [item]}), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer


def test_the_answer_names_what_no_purpose_needs(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    answer = send(server, viewed(properties=PROPERTIES))
    single = server.post("/v1/track", json.dumps(viewed("m2", properties=PROPERTIES)), content_type="application/json")

    named = "properties.mood, properties.gr%C3%BCn%2C%20x"
    assert answer["Vitrine-Dropped-Fields"] == single["Vitrine-Dropped-Fields"] == named
    assert [one.properties for one in log.events()] == [{"product_id": "P1"}] * 2
    assert "Vitrine-Dropped-Fields" not in send(server, viewed("m3"))
    drop_counter.flush()
    assert dropped_fields(now=clock.now())["unlisted"]["properties.mood"] == 2


def test_a_refused_purpose_drops_its_fields_and_the_answer_keeps_silent(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    AllowedField.objects.create(path="properties.mood", purposes=["personalization"])
    context = {"consent": {"categoryPreferences": {"analytics": True, "personalization": False}}}

    answer = send(server, viewed(properties={"product_id": "P1", "mood": "happy"}, context=context))

    assert "Vitrine-Dropped-Fields" not in answer
    assert log.event().properties == {"product_id": "P1"}
    assert dropped_fields(now=clock.now())["refused"] == {"properties.mood": 1}


def test_a_metric_keeps_what_it_reads(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    numerator = {"source": "events", "aggregate": "sum", "events": ["Product Viewed"], "field": "mood"}
    define_metric("mood", data={"name": "Mood", "kind": "mean", "numerator": numerator}, actor="staff:1")

    send(server, viewed(properties=PROPERTIES))

    assert log.event().properties == {"product_id": "P1", "mood": "happy"}


def test_fields_of_an_event_that_waited_are_dropped_and_counted(
    server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    send(server, viewed("early", properties=PROPERTIES, context={}))
    send(server, viewed("yes"))

    assert all(one.properties == {"product_id": "P1"} for one in log.events())
    assert dropped_fields(now=clock.now())["unlisted"]["properties.mood"] == 1


def test_the_officer_allows_a_field_from_the_page(
    log_in: LogIn, server: APIClient, log: "LogReader", viewed: Maker
) -> None:
    send(server, viewed(properties={"product_id": "P1", "mood": "happy"}))
    officer: Client = log_in("compliance officer")
    add = reverse("admin:events_allowedfield_add")
    page = officer.get(reverse("portal:collected-fields")).content.decode()
    assert f"{add}?path=properties.mood" in page
    assert "properties.mood" in officer.get(f"{add}?path=properties.mood").content.decode()

    wrong = officer.post(add, {"path": "mood", "purposes": ["analytics"]}).content.decode()
    assert "Write properties.NAME" in wrong
    assert officer.post(add, {"path": "properties.mood", "purposes": []}).status_code == 200
    assert officer.post(add, {"path": "properties.mood", "purposes": ["analytics"]}).status_code == 302
    send(server, viewed("m2", properties={"product_id": "P1", "mood": "happy"}))
    row = AllowedField.objects.get()
    change = reverse("admin:events_allowedfield_change", args=[row.pk])
    officer.post(change, {"path": "properties.mood", "purposes": ["personalization"]})

    assert [one.properties.get("mood") for one in log.events()] == [None, "happy"]
    assert AllowedField.objects.get().version == 2
    actions = AuditEvent.objects.filter(action__contains="allowedfield").values_list("action", flat=True)
    assert len(actions) == 2


@pytest.mark.django_db
def test_removing_a_field_says_what_still_reads_it(log_in: LogIn) -> None:
    numerator = {"source": "events", "aggregate": "sum", "events": ["Product Viewed"], "field": "mood"}
    define_metric("mood", data={"name": "Mood", "kind": "mean", "numerator": numerator}, actor="staff:1")
    row = AllowedField.objects.create(path="properties.mood", purposes=["analytics"])
    forget_list()

    delete = reverse("admin:events_allowedfield_delete", args=[row.pk])
    answer = log_in("operator").post(delete, {"post": "yes"}, follow=True)

    assert "is still kept, because the metric “Mood” reads it" in answer.content.decode()
