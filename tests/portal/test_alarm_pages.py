"""Open alarms are on the home page, in the list and in the metrics; settling is audited."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.selectors import entries
from tests.staff import LogIn

pytestmark = pytest.mark.django_db


@pytest.fixture
def alarm() -> Any:
    """An open alarm of drift."""
    from modelops.models import AlarmKind
    from modelops.services.alarms import raise_or_settle
    from recsys.data.data_checks import Check

    check = Check("drift of popularity", 0.9, 0.25, False, "population stability index", "alarms")
    return raise_or_settle(AlarmKind.DRIFT, [check], actor="system:schedule")


@pytest.mark.parametrize("role", ["data scientist", "operator", "merchandiser"])
def test_alarm_is_on_the_home_page(log_in: LogIn, alarm: Any, role: str) -> None:
    page = log_in(role).get("/admin/").content.decode()

    assert "drift of popularity: 0.9, bar 0.25" in page
    assert reverse("admin:modelops_modelalarm_change", args=[alarm.pk]) in page


def test_alarm_needs_view_permission(log_in: LogIn, alarm: Any) -> None:
    assert "drift of popularity" not in log_in("nobody").get("/admin/").content.decode()


def test_data_scientist_can_settle_an_alarm(log_in: LogIn, alarm: Any) -> None:
    scientist = log_in("data scientist")
    page = scientist.get(reverse("admin:modelops_modelalarm_change", args=[alarm.pk])).content.decode()
    settle = reverse("admin:modelops_modelalarm_settle_page", args=[alarm.pk])
    assert "✗ drift of popularity: 0.9, bar 0.25 (population stability index)" in page
    assert "drift of popularity" in scientist.get(settle).content.decode()

    answer = scientist.post(settle, follow=True)

    assert "Settled." in answer.content.decode()
    assert "drift of popularity: 0.9" not in scientist.get("/admin/").content.decode()
    assert next(iter(entries(action="alarm.settled"))).object == f"model_alarm:{alarm.pk}"


def test_nan_is_shown_as_a_dash(log_in: LogIn, alarm: Any) -> None:
    from modelops.models import AlarmKind
    from modelops.services.alarms import raise_or_settle
    from recsys.data.data_checks import Check

    check = Check("drift of signals", float("nan"), 0.25, False, "population stability index", "alarms")
    raise_or_settle(AlarmKind.DRIFT, [check], actor="system:schedule")

    page = log_in("data scientist").get(reverse("admin:modelops_modelalarm_change", args=[alarm.pk]))

    assert "✗ drift of signals: –, bar 0.25 (population stability index)" in page.content.decode()


def test_alarm_explains_the_next_step_and_is_settled_once(log_in: LogIn, alarm: Any) -> None:
    from modelops.models import ModelVersion

    version = ModelVersion.objects.create(version="2026-11-25.1", directory="2026-11-25.1", artifact_hash="a" * 64)
    alarm.model_version = version
    alarm.save()
    scientist = log_in("data scientist")
    page = reverse("admin:modelops_modelalarm_change", args=[alarm.pk])
    settle = reverse("admin:modelops_modelalarm_settle_page", args=[alarm.pk])
    report = reverse("admin:modelops_modelversion_evaluation_page", args=[version.pk])

    before, confirmation = (scientist.get(one).content.decode() for one in (page, settle))
    scientist.post(settle)
    after = scientist.get(page).content.decode()

    assert all(
        "Look at the nights in the report" in page_text and report in page_text for page_text in (before, confirmation)
    )
    assert settle in before
    assert settle not in after


def test_other_roles_may_view_but_not_settle(log_in: LogIn, alarm: Any) -> None:
    merchandiser = log_in("merchandiser")

    list_page = merchandiser.get(reverse("admin:modelops_modelalarm_changelist"))
    response = merchandiser.post(reverse("admin:modelops_modelalarm_settle_page", args=[alarm.pk]))

    assert "drift of popularity" in list_page.content.decode()
    assert response.status_code == 403
    alarm.refresh_from_db()
    assert alarm.settled_at is None


def test_prometheus_counts_open_alarms(client: Client, alarm: Any) -> None:
    assert 'vitrine_model_alarms{kind="drift"} 1.0' in client.get("/metrics").content.decode()

    alarm.delete()

    assert 'vitrine_model_alarms{kind="drift"}' not in client.get("/metrics").content.decode()
