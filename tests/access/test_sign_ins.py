"""Signing in, out and failing to is on the audit log; addresses and names only in the detail."""

from typing import Any

import pytest
from django.test import Client

from access.models import User
from audit import selectors as audit

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"


def test_dee_signs_in_and_out(client: Client) -> None:
    dee = User.objects.create_user("dee", password="correct horse battery", is_staff=True)

    client.post(LOGIN, {"username": "dee", "password": "correct horse battery"}, headers={"user-agent": "Firefox"})
    client.post("/admin/logout/")

    out, came = audit.entries(object=f"user:{dee.pk}")
    assert (came.action, out.action, came.actor) == ("user.signed_in", "user.signed_out", f"staff:{dee.pk}")
    assert audit.read_detail(came.id) == {"ip": "127.0.0.1", "user_agent": "Firefox"}
    assert b"Firefox" not in came.body
    assert b"127.0.0.1" not in came.body


def test_the_address_on_record_is_the_one_the_proxy_tells(client: Client) -> None:
    dee = User.objects.create_user("dee", password="correct horse battery", is_staff=True)
    tried = {"username": "dee", "password": "correct horse battery"}

    client.post(LOGIN, tried, headers={"x-forwarded-for": "198.51.100.7"})

    (came,) = audit.entries(object=f"user:{dee.pk}")
    assert (audit.read_detail(came.id) or {})["ip"] == "198.51.100.7"


def test_eve_guesses_only_so_often_and_keeps_nobody_out(client: Client, settings: Any) -> None:
    settings.SIGN_IN_RATE = "3/hour"
    User.objects.create_user("dee", password="correct horse battery", is_staff=True)
    right, eve = {"username": "dee", "password": "correct horse battery"}, {"x-forwarded-for": "203.0.113.9"}

    guesses = [client.post(LOGIN, {**right, "password": "guess"}, headers=eve) for _ in range(3)]
    late = client.post(LOGIN, right, headers=eve)
    dee = client.post(LOGIN, right, headers={"x-forwarded-for": "198.51.100.7"})

    assert [answer.status_code for answer in guesses] == [200] * 3
    assert (late.status_code, 1 <= int(late["Retry-After"]) <= 3600) == (429, True)
    assert b"Please try again in 60 minutes." in late.content
    assert len(audit.entries(action="user.sign_in_refused")) == 3
    assert dee.status_code == 302


def test_a_stolen_session_guesses_the_password_only_so_often(client: Client, settings: Any) -> None:
    settings.SIGN_IN_RATE = "3/hour"
    client.force_login(User.objects.create_user("dee", password="correct horse battery", is_staff=True))
    form = {"old_password": "guess", "new_password1": "another horse battery", "new_password2": "another horse battery"}

    guesses = [client.post("/admin/password_change/", form) for _ in range(3)]
    late = client.post("/admin/password_change/", {**form, "old_password": "correct horse battery"})

    assert [answer.status_code for answer in guesses] == [200] * 3
    assert (late.status_code, 1 <= int(late["Retry-After"]) <= 3600) == (429, True)
    assert User.objects.get(username="dee").check_password("correct horse battery")


def test_who_sends_a_form_that_is_out_of_date_is_told_to_load_it_anew() -> None:
    dee = User.objects.create_user("dee", password="correct horse battery", is_staff=True)
    right = {"username": "dee", "password": "correct horse battery"}

    answer = Client(enforce_csrf_checks=True).post(LOGIN, right)

    assert answer.status_code == 403
    assert "<h1>The form has expired</h1>" in answer.content.decode()
    assert not audit.entries(object=f"user:{dee.pk}")


def test_dee_changes_her_own_password(client: Client) -> None:
    dee = User.objects.create_user("dee", password="correct horse battery", is_staff=True)
    client.force_login(dee)
    wrong = {"old_password": "guess", "new_password1": "new horse battery", "new_password2": "new horse battery"}

    response = client.post("/admin/password_change/", wrong)
    before = audit.entries(action="user.changed")
    changed = client.post("/admin/password_change/", {**wrong, "old_password": "correct horse battery"})

    dee.refresh_from_db()
    (event,) = audit.entries(action="user.changed")
    assert (response.status_code, before, changed.status_code) == (200, [], 302)
    assert dee.check_password("new horse battery")
    assert (event.actor, event.object) == (f"staff:{dee.pk}", f"user:{dee.pk}")
    assert event.data == {"changes": [{"changed": {"fields": ["Password"]}}]}


@pytest.mark.parametrize("name", ["dee.host", "eve@evil.example", "a\x00b", "😀" * 500])
def test_eve_is_refused_and_recorded(client: Client, name: str) -> None:
    # Nothing that is looked for in a body may be part of a digest by chance, as "dee" is at times.
    User.objects.create_user("dee.host", password="correct horse battery", is_staff=True)

    answer = client.post(LOGIN, {"username": name, "password": "guess"})

    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session
    events = audit.entries(action="user.sign_in_refused")
    assert len(events) == ("\x00" not in name)
    assert all(name.encode() not in event.body for event in events)
