"""The menu: its names are the pages' titles, its search finds them, and a list says who may only look."""

import re

import pytest
from django.contrib import admin
from django.urls import reverse

from portal.sidebar import GROUPS
from tests.staff import LogIn

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("modelops_modelalarm", "Alarms"),
        ("profiles_segmentjob", "Segment jobs"),
        ("access_user", "Staff"),
        ("auth_group", "Roles"),
        ("django_celery_beat_periodictask", "Schedules"),
        ("audit_auditevent", "Audit log"),
        ("events_setaside", "Rejected events"),
    ],
)
def test_a_list_is_called_what_the_menu_calls_it(log_in: LogIn, page: str, title: str) -> None:
    text = log_in("").get(reverse(f"admin:{page}_changelist")).content.decode()

    heading = re.sub(r"<[^>]+>|\s+", " ", text[text.index("<h1") : text.index("</h1>")])
    assert title in heading
    assert "elery" not in heading
    assert re.search(rf"<title>\s*{title} \|", text)


def test_every_list_of_the_menu_has_its_name_as_title(log_in: LogIn) -> None:
    root = log_in("")
    items = [item for group in root.get("/admin/").context["sidebar_navigation"] for item in group["items"]]

    titles = {item["title"]: root.get(item["link"]) for item in items if "/admin/" in item["link"]}

    for title, page in titles.items():
        if "cl" in (page.context or {}):
            assert re.search(rf"<title>\s*{re.escape(title)} \|", page.content.decode()), title


def test_the_search_finds_entries_of_the_menu_or_says_that_nothing_matches(log_in: LogIn) -> None:
    browser = log_in("operator")

    def answer(words: str) -> str:
        return browser.get(reverse("admin:search"), {"s": words}).content.decode()

    assert reverse("portal:stream") in answer("STREAM")
    assert "Schedules" in answer("schedul")
    assert "Nothing matches “giraffe”." in answer("giraffe")
    assert answer(" ") == ""
    assert "Nothing matches" in log_in("merchandiser").get(reverse("admin:search"), {"s": "stream"}).content.decode()


def test_a_list_says_who_may_only_look(log_in: LogIn) -> None:
    rules, events = (reverse(f"admin:{page}_changelist") for page in ("personalization_rule", "events_event"))
    note = "You may look, not change."

    assert note in log_in("marketer").get(rules).content.decode()
    assert note not in log_in("merchandiser").get(rules).content.decode()
    assert note not in log_in("").get(events).content.decode(), "nobody changes events"


def test_the_number_beside_a_search_is_that_of_its_hits(log_in: LogIn) -> None:
    text = log_in("merchandiser").get("/portal/customers", {"q": "nobody"}).content.decode()

    assert "0 on this page" in text
    assert " in all" not in text
    assert "Customers, the newest first" in log_in("marketer").get("/portal/customers").content.decode()


def test_every_entry_of_the_menu_leads_to_a_page() -> None:
    pages = {model._meta.label for model in admin.site._registry}

    assert [door.to for doors in GROUPS.values() for door in doors if "." in door.to and door.to not in pages] == []
