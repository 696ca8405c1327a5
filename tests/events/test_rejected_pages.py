"""The pages of rejected events: names instead of labels, filters, and what sending again would bring."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.urls import reverse

from access.services import create_key
from common import clock
from events.models import SetAside
from events.rejections import n_refused_again, name_in, rejected_since
from events.services.resend import lasting_refusal, resend
from tests.events.builders import event
from tests.staff import staff

pytestmark = pytest.mark.django_db
ASIDE = reverse("admin:events_setaside_changelist")
NAN = '{"type":"track","event":"Product Viewed","userId":"ada","properties":{"product_id":"P1","price":NaN}}'
SOUND = {"type": "track", "event": "Product Viewed", "userId": "ada", "properties": {"product_id": "P1"}}
NO_ID = {name: value for name, value in SOUND.items() if name != "userId"}


def aside(payload: Any = SOUND, **fields: Any) -> SetAside:
    text = payload if isinstance(payload, str) else orjson.dumps(payload).decode()
    values = {"reason": "no", "source": "server", "received_at": clock.now(), "shard": 0}
    return SetAside.objects.create(payload=text, log_offset=SetAside.objects.count(), **{**values, **fields})


def test_the_list_names_the_key_and_the_event() -> None:
    key, _ = create_key(kind="sk", name="till", scopes=["events:write"])
    aside(source=f"key:{key.pk}")

    page = staff("ops", "operator").get(ASIDE).content.decode()

    assert page.count(str(key)) >= 2, "in its row, and among the filters"
    assert f">key:{key.pk}<" not in page
    assert "Product Viewed" in page


def test_filters_by_reason_source_and_day() -> None:
    key, _ = create_key(kind="sk", name="till", scopes=["events:write"])
    old = aside(reason="is large", received_at=clock.now() - timedelta(days=3))
    mine = aside(reason="no id", source=f"key:{key.pk}")
    browser = staff("ops", "operator")

    def shown(**query: str) -> list[int]:
        return sorted(row.pk for row in browser.get(ASIDE, query).context["cl"].result_list)

    today, before = clock.now().date().isoformat(), (clock.now() - timedelta(days=3)).date().isoformat()

    assert shown(reason="is large") == [old.pk]
    assert shown(source=f"key:{key.pk}") == [mine.pk]
    assert shown(day=today) == [mine.pk]
    assert shown(day=before) == [old.pk]
    assert shown(day="nonsense") == []


@pytest.mark.parametrize(
    ("payload", "source", "reason"),
    [
        (NAN, "server", "not an event"),
        (NO_ID, "server", "userId: one of userId and anonymousId is needed"),
        (SOUND, "key:999", "The key it came with is not known"),
        (SOUND, "server", ""),
        ("{}", "recorder", "not an event"),
    ],
)
def test_what_sending_again_would_bring_is_known_before(payload: Any, source: str, reason: str) -> None:
    item = aside(payload, source=source)

    assert lasting_refusal(item).startswith(reason)
    assert bool(lasting_refusal(item)) is bool(reason)
    assert resend([item], actor="staff:1") == ((0, 1) if reason else (1, 0)), "as foretold"


def test_what_the_recorder_refused_may_be_recorded_now() -> None:
    assert lasting_refusal(aside(event(1).encode().decode(), source="recorder")) == ""


def test_an_error_of_one_event_names_the_field_alone() -> None:
    item = aside(NO_ID)

    resend([item], actor="staff:1")

    assert item.replay_error == "userId: one of userId and anonymousId is needed"


def test_the_page_of_one_event_sends_it_again() -> None:
    good, bad, client = aside(), aside(NAN), staff("ops", "operator")

    def page_of(item: SetAside) -> str:
        return client.get(reverse("admin:events_setaside_send_again_page", args=[item.pk])).content.decode()

    assert "would accept it by now" in page_of(good)
    assert ("must send a corrected event" in page_of(bad), 'class="second"' in page_of(bad)) == (True, True)
    assert "send-again" in client.get(reverse("admin:events_setaside_change", args=[good.pk])).content.decode()
    for item, answer in ((good, "Accepted."), (bad, "Refused once more: ")):
        address = reverse("admin:events_setaside_send_again_page", args=[item.pk])
        assert answer in client.post(address, follow=True).content.decode()


def test_a_warning_is_not_sent_again() -> None:
    item = aside(warning="2026-01-01 key")

    page = staff("ops", "operator").get(reverse("admin:events_setaside_change", args=[item.pk])).content.decode()

    assert "send-again" not in page


def test_events_refused_again_stay_in_the_count_and_the_stream_links_them() -> None:
    aside(NO_ID)
    client = staff("ops", "operator")

    answer = client.post(reverse("portal:stream-send-again"), {"reason": "no", "field": "", "source": "server"})
    page = client.get(answer["Location"].partition("#")[0]).content.decode()
    home = client.get("/admin/").content.decode()

    assert n_refused_again() == 1
    assert f'1 refused once more: <a href="{ASIDE}?sent=refused">see why</a>.' in page
    assert ("1 tried, refused again" in page, "1 tried, refused again" in home) == (True, True)
    assert "1 event was sent again in vain" in home
    (group,) = rejected_since(clock.now() - timedelta(hours=1))
    assert (group.unsent, group.again, group.is_hopeless) == (0, 1, True)


def test_the_stream_says_where_sending_again_is_in_vain() -> None:
    aside(NAN)

    page = staff("ops", "operator").get(reverse("portal:stream")).content.decode()

    assert "Sent again unchanged, it is refused again: the sender must send a corrected event." in page
    assert '<button type="submit" class="second">Send 1 again' in page


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (NAN, "Product Viewed"),
        ('{"type":"page","name":"Home"}', "Home"),
        ('{"type":"identify"}', "identify"),
        ('{"kind":"track","name":"Cart Viewed"}', "Cart Viewed"),
        ('{"event":"Cut Off","properties":{"a', "Cut Off"),
        ("[1]", ""),
        ("nothing", ""),
    ],
)
def test_the_name_is_read_from_what_came(payload: str, name: str) -> None:
    assert name_in(payload) == name
