"""The page of a replay: both lists side by side, the verdict, and how long it can be done."""

import re
from typing import Any

import pytest
from django.urls import reverse

from events.models import Event
from events.services.performance import count_new
from personalization.services.recommend import recommend
from personalization.serving.asking import Ask, Who
from personalization.serving.exposures import exposures
from portal import replay
from tests.personalization.shop import ADA, says
from tests.personalization.test_replay import record, views
from tests.shop_fixtures import live_model, stocked_shop  # noqa: F401
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("live_model")]


@pytest.fixture
def answer(live_model: None) -> str:  # noqa: F811
    """The id of a recorded answer to a stranger."""
    result = recommend(Ask(placement="home"))
    exposures.flush()
    record()
    return result.recommendation_id


@pytest.fixture
def to_ada(live_model: None) -> str:  # noqa: F811
    """The id of a recorded and counted answer to a known shopper."""
    for purpose in ("analytics", "personalization", "train_models"):
        says(ADA, purpose)
    views(ADA, "desk", "lamp")
    result = recommend(Ask(placement="home", who=Who(**ADA)))
    exposures.flush()
    record()
    count_new()
    return result.recommendation_id


def test_a_merchandiser_computes_an_answer_again(log_in: LogIn, answer: str) -> None:
    client = log_in("merchandiser")
    event = Event.objects.get(name="Recommendation Served")

    row = client.get(reverse("admin:events_event_change", args=[event.pk])).content.decode()
    link = f"{reverse('portal:replay')}?answer={answer}"
    form = client.get(link).content.decode()
    page = client.post(reverse("portal:replay"), {"answer": answer})

    assert link in row
    assert f'value="{answer}"' in form
    assert "for 7 days (REPLAY_DAYS)" in form
    assert "newest 24 increments" in form
    assert page.context["result"].verdict == "identical"
    assert "Identical: computed again" in page.content.decode()
    assert page.content.decode().count(">same<") == len(page.context["result"].stored) > 0


def test_what_differs_is_said(log_in: LogIn, answer: str) -> None:
    event = Event.objects.get(name="Recommendation Served")
    event.properties["products"][0]["product_id"] = "other"
    Event.objects.filter(pk=event.pk).update(properties=event.properties)

    text = log_in("merchandiser").post(reverse("portal:replay"), {"answer": answer}).content.decode()

    assert "Place 1: other was shown" in text
    assert "The stored list was altered" in text
    assert ">other<" in text


def test_unknown_and_unreadable_ids_are_said(log_in: LogIn, answer: str) -> None:
    client, address = log_in("merchandiser"), reverse("portal:replay")

    assert (
        "No answer 0198c0de"
        in client.post(address, {"answer": "0198c0de-0000-7000-8000-000000000000"}).content.decode()
    )
    assert "Write the recommendation_id" in client.post(address, {"answer": "x"}).content.decode()


def test_one_replay_at_a_time(log_in: LogIn, answer: str) -> None:
    with replay._computing:
        text = log_in("merchandiser").post(reverse("portal:replay"), {"answer": answer}).content.decode()

    assert "Another answer is being computed again" in text


def test_without_inputs_the_page_says_so(log_in: LogIn, answer: str, settings: Any) -> None:
    settings.REPLAY_DAYS = 0

    assert "Inputs of answers are not kept" in log_in("merchandiser").get(reverse("portal:replay")).content.decode()


def test_a_data_scientist_replays_a_recent_answer_without_its_shopper(log_in: LogIn, to_ada: str) -> None:
    client = log_in("data scientist")

    form = client.get(reverse("portal:replay")).content.decode()
    page = client.post(reverse("portal:replay"), {"answer": to_ada})

    text = page.content.decode()
    assert f'href="?answer={to_ada}"' in form
    assert page.context["result"].verdict == "identical"
    assert text.count(">same<") == len(page.context["result"].stored) > 0
    assert page.context["inputs"].keys() <= set(replay.OF_SHOP)
    assert "history" in page.context["result"].inputs
    assert ADA["user_id"] not in "".join(re.findall(r"<td[^>]*>([^<]*)", form + text))
    assert "history, segments and request are left out" in text
    assert page.context["result"].inputs == log_in("merchandiser").post(
        reverse("portal:replay"), {"answer": to_ada}
    ).context["inputs"]  # fmt: skip


def test_the_sidebar_leads_a_data_scientist_to_replay(log_in: LogIn) -> None:
    assert f'href="{reverse("portal:replay")}"' in log_in("data scientist").get(reverse("admin:index")).content.decode()


def test_who_may_neither_see_events_nor_replay_gets_no_page(log_in: LogIn, answer: str) -> None:
    client = log_in("account manager")

    assert client.get(reverse("portal:replay")).status_code == 403
    assert client.post(reverse("portal:replay"), {"answer": answer}).status_code == 403
