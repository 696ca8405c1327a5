"""Names that a sender wrote where no name belongs: masked for who may not see them, and gone with an erasure."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from access.services import create_key
from common import clock
from common.privacy import Person
from common.pseudonyms import subject_pseudonym
from consents import privacy
from consents.models import ConsentEvent
from consents.services import decide_for
from events.models import Event, SetAside
from events.stream.tail import tail
from tests.portal.test_erased_everywhere import USER, consume, send
from tests.shop_fixtures import stocked_shop
from tests.staff import staff

__all__ = ["stocked_shop"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]
WRITTEN: dict[str, Any] = {
    "event": "Gift for Wilhelmina",
    "messageId": "gift-of-wilhelmina",
    "properties": {"query": "shoes of wilhelmina", "title": "Wilhelmina's list"},
}


@pytest.fixture
def addresses() -> Iterator[list[str]]:
    """Pages that show what a server wrote of one shopper: a recorded and a rejected event."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='sk', name='s', scopes=['events:write'])[1]}")
    with mock.patch("celery.current_app.send_task"):
        send(client, WRITTEN, {**WRITTEN, "messageId": "wilhelmina-2", "timestamp": "never"})
        tail.flush()
        consume()
        yield [
            reverse("portal:customer", args=[subject_pseudonym(f"user:{USER}")]),
            reverse("admin:events_event_changelist"),
            reverse("admin:events_event_change", args=[Event.objects.get(message_id="gift-of-wilhelmina").pk]),
            reverse("admin:events_setaside_changelist"),
            reverse("admin:events_setaside_change", args=[SetAside.objects.get().pk]),
            reverse("portal:stream"),
        ]


def test_who_may_not_see_names_sees_none(addresses: list[str]) -> None:
    named, other = staff("root", ""), staff("mia", "data scientist")

    for address in addresses:
        assert "wilhelmina" in named.get(address).content.decode().lower(), address
        page = other.get(address)
        assert page.status_code in {200, 403}
        assert "wilhelmina" not in page.content.decode().lower(), address


def test_an_erased_proof_keeps_no_text_of_its_sender() -> None:
    raw_id = subject_pseudonym("user:ada")
    for given in (True, False):
        decide_for(raw_id, decisions={"analytics": given}, actor="test", source="jane.doe@shop.example")
    before = ConsentEvent.objects.values_list("message_id", flat=True)
    ids = set(before)

    assert privacy.erase(Person((raw_id,))) == 4

    assert len(ids) == 2
    assert not ids & set(before.all())
    assert {*ConsentEvent.objects.values_list("source", "given")} == {("", True), ("", False)}
    assert ConsentEvent.objects.filter(at__lte=clock.now(), message_id__startswith="erased:").count() == 2
