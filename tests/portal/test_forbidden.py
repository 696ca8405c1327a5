"""Who may not do something stays inside the admin, and reads which right is missing and who holds it."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from portal.forbidden import in_words, needed_permission
from tests.staff import LogIn, staff

pytestmark = pytest.mark.django_db


def test_a_refused_page_names_the_right_the_roles_and_the_people(log_in: LogIn) -> None:
    staff("olga", "operator")

    page = log_in("merchandiser").get(reverse("portal:stream"))

    text = page.content.decode()
    assert page.status_code == 403
    assert "events.change_setaside" in text
    assert "These roles hold it: operator." in text
    assert "Ask an operator. Or have" in text, "a merchandiser may not see staff"
    assert reverse("portal:preview") in text, "the sidebar is there"


def test_a_refused_list_of_the_admin_names_the_right_too(log_in: LogIn) -> None:
    text = log_in("merchandiser").get(reverse("admin:access_apikey_changelist")).content.decode()

    assert "access.view_apikey" in text
    assert "look at API keys" in text
    assert "compliance officer, operator" in text


def test_who_may_see_staff_reads_the_names(log_in: LogIn) -> None:
    staff("olga", "operator")

    text = log_in("compliance officer").get(reverse("portal:stream")).content.decode()

    assert "Ask an operator: olga. Or have" in text


def test_the_page_leads_back_to_where_one_came_from(log_in: LogIn) -> None:
    browser, before = log_in("merchandiser"), f"http://testserver{reverse('portal:customers')}"

    def link_back(referer: str) -> str:
        text = browser.get(reverse("portal:stream"), headers={"Referer": referer}).content.decode()
        (link,) = re.findall(r'<a href="([^"]+)">Back</a>', text)
        return str(link)

    assert link_back(before) == before
    assert link_back("https://elsewhere.example/") == link_back("") == reverse("admin:index")
    assert link_back(f"http://testserver{reverse('portal:stream')}") == reverse("admin:index")


def test_a_visitor_gets_the_form_to_sign_in() -> None:
    assert Client().get(reverse("portal:stream")).status_code == 302


@pytest.mark.parametrize(
    ("permission", "words"),
    [
        ("personalization.view_placement", "look at placements"),
        ("customers.view_*", "look at what belongs to customers"),
        ("nowhere.view_it", ""),
        ("", ""),
    ],
)
def test_a_permission_has_words(permission: str, words: str) -> None:
    assert in_words(permission) == words


def test_an_unknown_reason_names_no_permission() -> None:
    assert needed_permission("You may not.", None) == ""
