"""Pending waivers are on the home page of approvers until they are decided."""

from datetime import timedelta

import pytest
from django.urls import reverse

from access.models import User
from common import clock
from modelops.models import ModelState, ModelVersion, ModelWaiver
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
WAITS = "A waiver of 2026-11-25.1 waits for a second person"


def requested_waiver(by: User, *, days: int = 7) -> ModelWaiver:
    """Return a waiver that was requested eight days ago."""
    version = ModelVersion.objects.create(
        version="2026-11-25.1", directory="2026-11-25.1", artifact_hash="a" * 64, state=ModelState.REFUSED,
        refusal="latency: one slate takes 80.0 ms",
    )  # fmt: skip
    began = clock.now() - timedelta(days=8)
    return ModelWaiver.objects.create(
        model_version=version, reason="The new search needs it.", requested_by=by, requested_at=began,
        expires_at=began + timedelta(days=days + 8),
    )  # fmt: skip


def test_pending_waiver_is_on_the_home_page_of_approvers(log_in: LogIn) -> None:
    log_in("data scientist", "ada")
    officer, merchandiser = log_in("compliance officer"), log_in("merchandiser")
    User.objects.update(date_joined=clock.now() - timedelta(days=9))
    waiver = requested_waiver(User.objects.get(username="ada"))
    door = reverse("admin:modelops_modelwaiver_change", args=[waiver.pk])

    page = officer.get("/admin/").content.decode()

    assert (WAITS in page, "ada requested it" in page, door in page) == (True, True, True)
    assert WAITS not in merchandiser.get("/admin/").content.decode()
    officer.post(reverse("admin:modelops_modelwaiver_approve_page", args=[waiver.pk]))
    assert WAITS not in officer.get("/admin/").content.decode()


def test_requester_does_not_see_the_own_waiver(log_in: LogIn) -> None:
    ada, bo = log_in("data scientist", "ada"), log_in("data scientist", "bo")
    requested_waiver(User.objects.get(username="ada"))

    assert WAITS not in ada.get("/admin/").content.decode()
    assert WAITS in bo.get("/admin/").content.decode()


def test_expired_waiver_is_not_listed(log_in: LogIn) -> None:
    log_in("data scientist", "ada")
    requested_waiver(User.objects.get(username="ada"), days=-1)

    assert WAITS not in log_in("compliance officer").get("/admin/").content.decode()


def test_waiver_page_shows_state_and_refusal(log_in: LogIn) -> None:
    log_in("data scientist", "ada")
    waiver = requested_waiver(User.objects.get(username="ada"))
    door = reverse("admin:modelops_modelwaiver_change", args=[waiver.pk])

    page = log_in("compliance officer").get(door).content.decode()

    assert ("waits" in page, "latency: one slate takes 80.0 ms" in page) == (True, True)
