"""Olu the compliance officer reads and searches the log; Dee the merchandiser may not; nobody changes it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit import selectors
from audit.models import AuditEvent
from audit.services import destroy_subject, record
from common.pseudonyms import subject_pseudonym
from tests.staff import staff

pytestmark = pytest.mark.django_db
LIST = "/admin/audit/auditevent/"


def search_results(client: Client, words: str) -> list[str]:
    answer = client.get(LIST, {"q": words})
    assert answer.status_code == 200
    return [event.object for event in answer.context["cl"].result_list]


def test_olu_finds_events_by_object_actor_action_and_shopper() -> None:
    olu = staff("olu", "compliance officer")
    record(
        category="privacy",
        action="erasure.requested",
        actor="staff:0",
        object="request:1",
        subject=subject_pseudonym("user:ada"),
    )
    record(category="catalog", action="product.put", actor="key:5", object="product:P1")

    assert search_results(olu, "product:P1") == ["product:P1"]
    assert search_results(olu, "staff:0") == ["request:1"]
    assert search_results(olu, "erasure.requested") == ["request:1"]
    assert search_results(olu, "user:ada") == ["request:1"]
    assert search_results(olu, "user:eve") == []
    assert olu.get(LIST, {"q": "a\x00b"}).status_code == 200


def test_olu_finds_what_somebody_did_by_the_name_that_the_list_shows() -> None:
    olu, dee = staff("olu", "compliance officer"), staff("dee", "merchandiser")
    actor = f"staff:{dee.session['_auth_user_id']}"
    record(category="catalog", action="product.put", actor=actor, object="product:P1")

    assert "product:P1" in search_results(olu, actor)
    assert search_results(olu, f"dee ({actor})") == search_results(olu, "dee") == search_results(olu, actor)
    assert search_results(olu, "eve") == []


def test_olu_opens_an_event_with_its_detail_until_it_is_erased() -> None:
    olu = staff("olu", "compliance officer")
    event = record(
        category="privacy", action="access.requested", actor="staff:7", object="request:1",
        subject="user:ada", detail={"email": "ada@shop.example"},
    )  # fmt: skip

    before = olu.get(f"{LIST}{event.id}/change/").content.decode()
    destroy_subject("user:ada")
    after = olu.get(f"{LIST}{event.id}/change/").content.decode()

    assert "ada@shop.example" in before
    assert "ada@shop.example" not in after
    assert "erased" in after


def test_the_log_tells_who_a_number_is_and_asks_once_for_all() -> None:
    olu, dee = staff("olu", "compliance officer"), staff("dee", "merchandiser")
    number = dee.session["_auth_user_id"]
    event = record(category="catalog", action="product.put", actor=f"staff:{number}", object="product:P1")
    record(category="catalog", action="product.put", actor="staff:0", object="product:P1")  # whose account is gone
    record(category="catalog", action="product.put", actor="key:5", object="product:P1")

    with CaptureQueriesContext(connection) as few:
        page = olu.get(LIST, {"q": "product:P1"}).content.decode()
    for _ in range(20):
        record(category="catalog", action="product.put", actor=f"staff:{number}", object="product:P1")
    with CaptureQueriesContext(connection) as many:
        olu.get(LIST, {"q": "product:P1"})

    assert f"dee (staff:{number})" in page
    assert "staff:0" in page
    assert "key:5" in page
    assert f"dee (staff:{number})" in olu.get(f"{LIST}{event.id}/change/").content.decode()
    assert len(many) == len(few)


def test_nobody_changes_the_log_in_the_admin(admin_client: Client) -> None:
    event = record(category="catalog", action="product.put", actor="key:5", object="product:P1")

    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{LIST}{event.id}/change/", {"action": "x"}).status_code == 403
    assert admin_client.post(f"{LIST}{event.id}/delete/", {"post": "yes"}).status_code == 403
    assert AuditEvent.objects.filter(id=event.id).count() == 1


def test_a_merchandiser_does_not_read_the_log() -> None:
    assert staff("dee", "merchandiser").get(LIST).status_code == 403


def test_entries_are_the_newest_first() -> None:
    for number in range(3):
        record(category="catalog", action="product.put", actor="key:1", object=f"product:{number}")

    assert [entry.object for entry in selectors.entries(action="product.put", limit=2)] == ["product:2", "product:1"]
