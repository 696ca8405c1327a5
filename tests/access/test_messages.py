"""A new key is shown once, and on its way to the page it lies nowhere in plain text."""

import re
from typing import TYPE_CHECKING

import pytest
from django.conf import LazySettings
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.urls import reverse

if TYPE_CHECKING:
    from tests.staff import LogIn

pytestmark = pytest.mark.django_db
FORM = {"name": "Storefront", "kind": "pk", "origins": "", "expires_at_0": "", "expires_at_1": ""}


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
