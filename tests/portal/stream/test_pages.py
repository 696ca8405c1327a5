"""The stream's page: lines with filters, ids only for roles that may see them, figures, and what failed today."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from access.services import create_key
from audit.selectors import entries
from common import clock
from events.models import SetAside
from events.stream import refusals, ring
from events.stream.refusals import Refusal
from events.stream.tail import tail
from portal.stream.failures import BY_STATUS, advice_on_refused
from portal.stream.refused import NOTED
from portal.stream.sampler import GaugeSampler
from tests.events.builders import entry, event
from tests.staff import LogIn, person

pytestmark = pytest.mark.django_db
PAGE, LINES, FIGURES = "/portal/stream", "/portal/stream/lines", "/portal/stream/figures"
SEND = "/portal/stream/send-again"


def note(*numbers: int, **fields: Any) -> None:
    """Write kept events of Ada's."""
    events = [event(number, **fields) for number in numbers]
    tail.note_events([(one, entry(one)) for one in events])
    tail.flush()


def names(html: str) -> list[str]:
    """Return what each line of the page is called."""
    return re.findall(r"<summary>.*?<strong>(.*?)</strong>", html)


def lines_of(browser: Client, **query: str) -> str:
    """Return the page's list of lines."""
    page = browser.get(PAGE, query).content.decode()
    return page[page.index('id="stream-lines"') : page.index('id="failures"')]


def watcher() -> Client:
    """Return the browser of a storefront developer: they watch, and have no reason to look at a shopper."""
    browser = Client()
    browser.force_login(person("dev", "change_setaside"))
    return browser


@pytest.mark.parametrize("role", ["merchandiser", "marketer", "compliance officer", "data scientist", "nobody"])
def test_others_are_refused(log_in: LogIn, role: str) -> None:
    item = SetAside.objects.create(reason="no", payload="{}", received_at=clock.now(), shard=0, log_offset=1)
    browser = log_in(role)

    statuses = [browser.get(address).status_code for address in (PAGE, LINES, FIGURES)]

    assert [*statuses, browser.post(SEND, {"reason": "no"}).status_code] == [403] * 4
    item.refresh_from_db()
    assert item.replayed_at is None


def test_an_operator_sees_the_line_with_its_payload(log_in: LogIn) -> None:
    note(1)

    html = lines_of(log_in("operator"))

    assert names(html) == ["Product Viewed"]
    assert "user:ada" in html
    assert "&quot;product_id&quot;: &quot;P1&quot;" in html
    assert ">m1<" in html


def test_a_developer_sees_masks_that_stay_the_same() -> None:
    private = {"email": "ada@shop.example", "named": "ada", "product_id": "P1"}
    note(1, anonymous_id="phone", properties=private, traits={"city": "Bremen"}, context={"ip": "1"})
    note(2, properties=private)
    note(3, user_id="bo", properties=private)

    html = lines_of(watcher())

    assert {word for word in ("user:ada", "phone", "Bremen", "ada@shop", "user:bo", "m1") if word in html} == set()
    assert "&quot;product_id&quot;: &quot;P1&quot;" in html
    masks = re.findall(r"<dt>Names</dt><dd>(user:#[0-9a-f]{8})", html)
    assert len(masks) == 3
    assert len(set(masks)) == 2
    assert names(lines_of(watcher_again(), subject=masks[0])) == ["Product Viewed"]
    assert names(lines_of(watcher_again(), text="bremen")) == []
    assert names(lines_of(watcher_again(), subject="ada")) == []


def test_a_developer_sends_again_what_they_cannot_list() -> None:
    item = SetAside.objects.create(
        reason="no", payload='{"userId": "ada"}', received_at=clock.now(), shard=0, log_offset=1
    )
    developer = watcher()

    page = developer.get(PAGE).content.decode()

    assert "Send 1 again" in page
    assert reverse("admin:events_setaside_changelist") not in page
    assert developer.get(reverse("admin:events_setaside_changelist")).status_code == 403
    assert developer.get(reverse("admin:events_setaside_change", args=[item.pk])).status_code == 403
    assert developer.post(SEND, {"reason": "no"}).status_code == 302


def watcher_again() -> Client:
    """Return another browser of the same developer."""
    from access.models import User

    browser = Client()
    browser.force_login(User.objects.get(username="dev"))
    return browser


def test_filters(log_in: LogIn) -> None:
    key, raw = create_key(kind="sk", name="server", scopes=["events:write"])
    note(1, source=f"key:{key.pk}")
    note(2, name="Product Added", user_id="bo", properties={"product_id": "desk"}, consents={"analytics": True})
    Client().post("/v1/track", {}, content_type="application/json", headers={"Authorization": f"Bearer {raw}"})
    tail.flush()
    browser = log_in("operator")

    def lines(**query: str) -> list[str]:
        return names(lines_of(browser, **query))

    assert lines() == ["POST /v1/track", "Product Added", "Product Viewed"]
    assert lines(name="added") == ["Product Added"]
    assert lines(key=str(key)) == ["POST /v1/track", "Product Viewed"]
    assert lines(verdict="failed") == lines(verdict="refused") == ["POST /v1/track"]
    assert lines(verdict="kept") == ["Product Added", "Product Viewed"]
    assert lines(verdict="consent") == ["Product Added"]
    assert lines(subject="user:bo") == lines(subject="bo") == ["Product Added"]
    assert lines(text="DESK") == ["Product Added"]
    assert lines(text="desk", name="viewed") == []


def test_a_poll_reads_on_from_its_cursor(log_in: LogIn) -> None:
    browser = log_in("operator")
    note(1)
    cursor = ring.end()
    note(2, name="Product Added")
    note(3)

    news = browser.get(LINES, {"after": cursor, "name": "added"}).json()

    assert names(news["html"]) == ["Product Added"]
    assert news["share"] == "3 of 3 shown since the last full minute"
    assert browser.get(LINES, {"after": news["cursor"]}).json()["html"] == ""
    assert browser.get(LINES, {"after": "nonsense"}).json()["html"] == ""


def test_figures_come_as_plots_and_as_tables(log_in: LogIn) -> None:
    note(1, 2)
    Client().get("/api/v1/recommendations/home")
    GaugeSampler().sample()

    browser = log_in("operator")
    page, news = browser.get(PAGE).content.decode(), browser.get(FIGURES).json()

    assert set(news["figures"]) == set(news["tables"]) == set(re.findall(r'data-figure="(\w+)"', page))
    assert {"events", "errors", "lag", "recommend", "collect", "caches"} == set(news["figures"])
    kept = news["figures"]["events"]["data"][0]
    assert (kept["name"], kept["y"][-1], len(kept["x"])) == ("kept", 2, 60)
    assert '<td class="num">2</td>' in news["tables"]["events"]


def test_failures_have_advice_and_can_be_sent_again(log_in: LogIn) -> None:
    key, _ = create_key(kind="sk", name="server", scopes=["events:write"])
    item = {"type": "track", "event": "Product Viewed", "userId": "ada", "properties": {"product_id": "P1"}}
    payload = str(item).replace("'", '"')
    alike = {"reason": "must be text", "field": "event", "payload": payload, "source": f"key:{key.pk}"}
    for offset in range(3):
        SetAside.objects.create(**alike, received_at=clock.now(), shard=0, log_offset=offset)
    SetAside.objects.create(**{**alike, "reason": "other"}, received_at=clock.now(), shard=0, log_offset=9)
    refusals.add({Refusal(str(key.prefix) + "_…", 403, "/v1/batch", "This key lacks the scope events:write."): 7})
    browser = log_in("operator")

    page = browser.get(PAGE).content.decode()
    answer = browser.post(SEND, {name: alike[name] for name in ("reason", "field", "source")}, follow=True)

    assert "Send 3 again" in page
    assert "Give the key the scope" in page
    assert page.count(str(key)) > 2
    assert "3 accepted." in answer.content.decode()
    assert SetAside.objects.filter(replayed_at=None).count() == 1
    assert {one.action for one in entries(limit=3)} == {"event.replayed"}
    again = browser.post(SEND, {name: alike[name] for name in ("reason", "field", "source")}, follow=True)
    assert "None of these is left" in again.content.decode()


@pytest.mark.parametrize("status", sorted(NOTED - {403}))
def test_each_status_has_advice(status: int) -> None:
    assert advice_on_refused(Refusal("", status, "/x", "no")) == BY_STATUS[status]


@pytest.mark.parametrize(
    ("problem", "advice"),
    [
        ("This key may not be used from https://x.example: it lists its origins.", "Add the origin"),
        ("A secret key may not be used in a browser: use a publishable one there.", "Use a publishable key"),
        ("This key lacks the scope events:write.", "Give the key the scope"),
        ("This is not allowed.", "The key may not do this"),
    ],
)
def test_a_forbidden_request_has_advice_by_its_problem(problem: str, advice: str) -> None:
    assert advice_on_refused(Refusal("", 403, "/x", problem)).startswith(advice)


def test_without_redis_the_page_says_so(log_in: LogIn, settings: LazySettings) -> None:
    browser = log_in("operator")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    page = browser.get(PAGE)

    assert page.status_code == 200
    assert "Redis does not answer" in page.content.decode()
    assert browser.get(LINES).status_code == 503


def test_the_sidebar_leads_here(log_in: LogIn) -> None:
    assert f'href="{reverse("portal:stream")}"' in log_in("operator").get("/admin/").content.decode()
    assert reverse("portal:stream") not in log_in("merchandiser", "dee").get("/admin/").content.decode()


def test_an_empty_stream_says_how_to_send_an_event() -> None:
    _, raw = create_key(kind="pk", name="shop")
    browser = watcher()
    empty = browser.get(PAGE).content.decode().partition('id="stream-empty"')[2].partition('id="failures"')[0]
    note(1)
    full = browser.get(PAGE).content.decode()

    assert f"curl -u {raw}: " in empty
    assert "train_models" in empty
    assert "curl -u" not in full
