"""The page of a replay: both lists side by side, the verdict, and how long it can be done."""

from typing import Any

import pytest
from django.urls import reverse

from events.models import Event
from personalization.services.recommend import recommend
from personalization.serving.asking import Ask
from personalization.serving.exposures import exposures
from portal import replay
from tests.personalization.test_replay import record
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


def test_who_may_not_see_events_may_not_replay(log_in: LogIn, answer: str) -> None:
    client = log_in("data scientist")

    assert client.get(reverse("portal:replay")).status_code == 403
    assert client.post(reverse("portal:replay"), {"answer": answer}).status_code == 403
