"""A new key is shown once, and on its way to the page it lies nowhere in plain text."""

import re
from typing import TYPE_CHECKING

import pytest
from django.conf import LazySettings
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.urls import reverse

from access.models import ApiKey
from access.services import create_key

if TYPE_CHECKING:
    from tests.staff import LogIn

pytestmark = pytest.mark.django_db
FORM = {"name": "Storefront", "kind": "pk", "origins": "", "expires_at_0": "", "expires_at_1": ""}
SECRET_FORM = {**FORM, "kind": "sk", "scopes": ["events:write"]}


def test_a_new_key_is_in_no_cookie_and_no_session_row(log_in: "LogIn") -> None:
    root = log_in("")

    answer = root.post(reverse("admin:access_apikey_add"), FORM)
    assert answer.status_code == 302
    stored = [row.get_decoded() for row in Session.objects.all()]
    page = root.get(reverse("admin:access_apikey_changelist")).content.decode()
    again = root.get(reverse("admin:access_apikey_changelist")).content.decode()

    key = re.search(r"<code>(pk_[^<]+)</code>", page)
    assert key is not None
    assert key[1] not in again
    assert not any(key[1] in morsel.value for morsel in [*answer.cookies.values(), *root.cookies.values()])
    assert not any(key[1] in str(session) for session in stored)


def test_messages_of_another_master_key_are_forgotten(log_in: "LogIn", settings: LazySettings) -> None:
    root = log_in("")
    root.post(reverse("admin:access_apikey_add"), FORM)

    settings.MASTER_KEY = "another-master-key-" + "x" * 40
    page = root.get(reverse("admin:access_apikey_changelist"))

    assert page.status_code == 200
    assert list(get_messages(page.wsgi_request)) == []


def test_a_publishable_key_is_seen_again_on_its_page_a_secret_one_is_not(log_in: "LogIn") -> None:
    root, keys = log_in(""), {}
    for form in (FORM, SECRET_FORM):
        root.post(reverse("admin:access_apikey_add"), form)
        page = root.get(reverse("admin:access_apikey_changelist")).content.decode()
        shown = re.search(r"<code>([ps]k_[^<]+)</code> <button type=\"button\" data-copy>Copy</button>", page)
        assert shown is not None
        keys[form["kind"]] = shown[1]

    pages = {
        row.kind: root.get(reverse("admin:access_apikey_change", args=[row.pk])).content.decode()
        for row in ApiKey.objects.all()
    }

    assert f"<code>{keys['pk']}</code>" in pages["pk"]
    assert keys["sk"] not in pages["sk"]
    assert "Identity secret" in pages["pk"]
    assert "Identity secret" not in pages["sk"]
    names = {kind: re.findall(r'name="(scopes|origins|requires_user_hash|confirms_orders)"', page) for kind, page in
             pages.items()}  # fmt: skip
    assert set(names["pk"]) == {"origins", "requires_user_hash", "confirms_orders"}
    assert set(names["sk"]) == {"scopes"}


def test_the_page_of_a_key_changes_it(log_in: "LogIn") -> None:
    root = log_in("")
    key, _ = create_key(kind="sk", name="old", scopes=["events:write"])
    body = {"name": "new", "scopes": ["catalog:read"], "expires_at_0": "", "expires_at_1": ""}

    answer = root.post(reverse("admin:access_apikey_change", args=[key.pk]), body)

    key.refresh_from_db()
    assert answer.status_code == 302
    assert (key.name, key.scopes) == ("new", ["catalog:read"])
