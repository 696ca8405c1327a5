"""What a consent tool calls a purpose is mapped to it, and what nobody mapped is warned of, never lost in silence."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from audit.selectors import entries
from consents.models import ConsentKey
from consents.selectors import forget_terms
from events.log import get_log
from events.models import SetAside
from events.services.recorder import Recorder, offsets
from events.services.resend import resend
from tests.staff import staff

if TYPE_CHECKING:
    from tests.events.collect.conftest import LogReader

Maker = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.django_db
KEYS = "/admin/consents/consentkey/"


def send(client: APIClient, *items: dict[str, Any], **context: Any) -> Any:
    body = {"batch": items, "context": context}
    answer = client.post("/v1/batch", json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer


def preferring(**categories: Any) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": categories}}


def record() -> None:
    after = offsets(range(get_log().shards))
    Recorder().record(get_log().read_many(after), after=after)


@pytest.mark.parametrize(
    ("categories", "consents"),
    [
        ({"Analytics": True, "PERSONALIZATION": True}, {"analytics": True, "personalization": True}),
        ({"C0001": True, "C0002": True, "C0003": False}, {"analytics": True, "personalization": False}),
        ({"c0002": True, "C0004": True}, {"analytics": True, "ads_share": True}),
        ({"Statistics": True}, {"analytics": True}),
        ({"C0002": True, "analytics": True, "Personalization": False}, {"analytics": True, "personalization": False}),
    ],
)
def test_a_key_means_its_purpose(
    server: APIClient, log: "LogReader", viewed: Maker, categories: dict[str, bool], consents: dict[str, bool]
) -> None:
    ConsentKey.objects.create(key="statistics", purpose="analytics")
    forget_terms()

    send(server, viewed(context=preferring(**categories)))

    assert log.event().consents == consents
    assert log.set_aside() == []


def test_of_several_keys_for_a_purpose_a_refusal_holds(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    send(server, viewed(context=preferring(analytics=True, C0002=False, personalization=True)))

    assert log.event().allowed == ("personalization",)


def test_the_ids_that_rudderstack_stamps_are_decisions(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    managed = {"allowedConsentIds": ["C0002"], "deniedConsentIds": ["C0003"], "provider": "oneTrust"}
    send(server, viewed(context={"consentManagement": managed}))
    assert log.event().consents == {"analytics": True, "personalization": False}

    bad = {"batch": [viewed("m2", context={"consentManagement": {"deniedConsentIds": "C0002"}})]}
    answer = server.post("/v1/batch", json.dumps(bad), content_type="application/json")
    assert (answer.status_code, "deniedConsentIds" in answer.content.decode()) == (400, True)


def test_an_unknown_key_is_warned_of_once_a_day_and_counted(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    yes = preferring(analytics=True, Marketing=False, C0005=True)

    answer = send(server, viewed("m1", context=yes), viewed("m2", context=yes))
    send(server, viewed("m3", context=preferring(Marketing=False)))
    record()
    send(server, viewed("m4", anonymousId="cy", context=preferring(Marketing=True)))
    record()

    assert "Vitrine-Set-Aside" not in answer
    assert {event.message_id for event in log.events()} == {"m1", "m2", "m3"}
    warnings = SetAside.objects.order_by("field").values_list("field", "times", "message_id", "payload")
    assert list(warnings) == [
        ("context.consent.categoryPreferences.C0005", 2, None, ""),
        ("context.consent.categoryPreferences.Marketing", 4, None, ""),
    ]
    assert resend(SetAside.objects.all(), actor="staff:1") == (0, 2)


def test_another_day_warns_again(server: APIClient, viewed: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    from common import clock

    send(server, viewed(context=preferring(Marketing=True)))
    now = clock.epoch_us()
    monkeypatch.setattr(clock, "epoch_us", lambda: now + 86_400_000_000)
    send(server, viewed("m2", context=preferring(Marketing=True)))
    record()

    assert SetAside.objects.count() == 2


def test_olu_maps_a_key_and_it_holds_at_once(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    olu: Client = staff("olu", "compliance officer")

    assert olu.post(f"{KEYS}add/", {"key": "Marketing", "purpose": "ads_share"}).status_code == 302
    assert olu.post(f"{KEYS}add/", {"key": "Chat", "purpose": ""}).status_code == 302
    again = olu.post(f"{KEYS}add/", {"key": "MARKETING", "purpose": "analytics"})
    purpose = olu.post(f"{KEYS}add/", {"key": "Analytics", "purpose": "ads_share"})
    send(server, viewed(context=preferring(marketing=False, analytics=True, chat=True)))

    assert b"This key has a row already." in again.content
    assert b"This is a purpose, and means itself." in purpose.content
    assert log.event().consents == {"analytics": True, "ads_share": False}
    assert log.set_aside() == []
    row = ConsentKey.objects.get(key="Marketing")
    (added,) = entries(object=f"consentkey:{row.pk}")
    assert (added.action, added.data["values"]) == ("consentkey.added", {"key": "Marketing", "purpose": "ads_share"})


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b"])
def test_a_partly_bad_batch_says_how_many_were_set_aside(browser: APIClient, viewed: Maker, path: str) -> None:
    body = {"batch": [viewed(), viewed("m2", properties={}), viewed("m3", anonymousId=None), {"type": "trick"}]}

    answer = browser.post(path, json.dumps(body), content_type="text/plain")

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert answer["Vitrine-Set-Aside"] == "3"
    assert "vitrine-set-aside" in answer["Access-Control-Expose-Headers"]
