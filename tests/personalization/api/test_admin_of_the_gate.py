"""What the data scientist sees of the gate, and how two persons waive it, in the admin."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from personalization.models import ModelState, ModelVersion, ModelWaiver
from personalization.services.registry import register
from tests.personalization.planted import case, harmless, slow, usual
from tests.personalization.releases import judged
from tests.personalization.shop import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked")]
LogIn = Callable[..., Client]
METRICS = {
    f"{family}@{k}": {"value": 0.1, "low": 0.08, "high": 0.12, "n": 900}
    for family in ("ndcg", "precision", "recall", "hit_rate", "mrr")
    for k in (5, 10, 20)
}
UNKNOWN = {name: {"value": None, "low": None, "high": None, "n": 0} for name in METRICS}
REPORT: dict[str, Any] = {
    "rung": "blend",
    "ladder": [
        {"rung": "popular", "name": "popular", "ndcg": METRICS["ndcg@10"], "chance": 1.0, "taken": True},
        {"rung": "blend", "name": "blend", "ndcg": METRICS["ndcg@10"], "chance": 0.99, "taken": True},
    ],
    "test": {name: {"together": METRICS, "warm": METRICS, "cold": UNKNOWN} for name in ("blend", "popular")},
    "beyond": {"blend": {"coverage": 0.5, "gini": 0.6, "novelty": 9.0, "popularity_lift": 1.1}},
    "groups": {"few events": METRICS["ndcg@10"], "many events": METRICS["ndcg@10"]},
    "ablation": {"rp3beta": 0.01, "popular": -0.001},
    "importance": {"rp3beta_score": 0.02},
    "rmse": {"svd": {"value": 0.9, "low": 0.85, "high": 0.95}},
    "surprise": {"textbook": METRICS["ndcg@10"], "with negatives": 0.02},
    "exposure": {
        "chosen": 0.2,
        "curve": [{"strength": 0.0, "ndcg": 0.1, "gini": 0.6, "coverage": 0.5, "new_items": 0.02}],
    },
    "latency_ms": {"p50": 2.0, "p99": 8.0},
}


@pytest.fixture
def log_in() -> LogIn:
    """Return a browser in which somebody of the role is logged in."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group

    from access.services import sync_roles

    sync_roles(actor="system:test")

    def enter(role: str, name: str | None = None) -> Client:
        user = get_user_model().objects.create_user(username=name or role, password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    return enter


def page_of(version: ModelVersion, name: str) -> str:
    return reverse(f"admin:personalization_modelversion_{name}", args=[version.pk])


def test_the_report_shows_every_part_as_plot_and_table(log_in: LogIn) -> None:
    version = judged(model(("popular",)), harmless(), report=REPORT)

    text = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    parts = ["gate", "ladder", "sources", "released", "groups", "ablation", "reach", "exposure", "importance",
             "ratings", "surprise", "speed"]  # fmt: skip
    assert [part for part in parts if f'id="{part}"' not in text] == []
    assert "0.0800 – 0.1200" in text
    plotted = set(re.findall(r'data-figure="([a-z-]+)"', text))
    assert plotted == {"ladder", "sources", "groups", "ablation", "reach", "exposure", "importance"}
    assert not re.search(r"https?://(?!localhost|testserver)[^\"']+\.js", text)


def test_a_version_without_a_report_has_a_page_too(log_in: LogIn) -> None:
    version = register(model(("popular",)), report={}, actor="system:x")

    answer = log_in("data scientist").get(page_of(version, "evaluation_page"))

    assert answer.status_code == 200
    assert "registered without a report" in answer.content.decode()


def test_plotly_comes_from_its_wheel_and_only_to_staff(log_in: LogIn) -> None:
    door = reverse("admin:personalization_plotly", args=["6"])

    answer = log_in("data scientist").get(door)

    assert b"plotly.js" in next(iter(answer.streaming_content))  # type: ignore[call-overload]
    assert "immutable" in answer["Cache-Control"]
    answer.close()
    assert Client().get(door).status_code == 302


def test_two_persons_waive_a_refusal_and_one_does_not(log_in: LogIn) -> None:
    version = judged(model(("popular",)), case(slow(usual()), usual()))
    ada, cora = log_in("data scientist", "ada"), log_in("compliance officer", "cora")
    ada.post(page_of(version, "ask_waiver_page"), {"reason": "A sale starts tomorrow", "days": 3})
    waiver = ModelWaiver.objects.get()
    approve = reverse("admin:personalization_modelwaiver_approve_page", args=[waiver.pk])

    ada.post(approve)
    ada.post(page_of(version, "promote_page"))
    assert not ModelVersion.objects.filter(state=ModelState.CHAMPION).exists()

    assert "A sale starts tomorrow" in cora.get(approve).content.decode()
    cora.post(approve)
    ada.post(page_of(version, "promote_page"))
    assert ModelVersion.objects.get(state=ModelState.CHAMPION) == version


def test_others_neither_ask_nor_approve(log_in: LogIn) -> None:
    version = judged(model(("popular",)), case(slow(usual()), usual()))
    dee = log_in("merchandiser")

    assert dee.post(page_of(version, "ask_waiver_page"), {"reason": "x", "days": 3}).status_code == 403
    assert log_in("compliance officer").post(page_of(version, "promote_page")).status_code == 403
    assert not ModelWaiver.objects.exists()


def test_a_wrong_request_is_told_on_the_form(log_in: LogIn) -> None:
    version = judged(model(("popular",)), case(slow(usual()), usual()))

    answer = log_in("data scientist").post(page_of(version, "ask_waiver_page"), {"reason": "x", "days": 31})

    assert "less than or equal to 30" in answer.content.decode()
    assert not ModelWaiver.objects.exists()
