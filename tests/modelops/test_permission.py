"""A training that no shopper permitted says beforehand that it will fail, and afterwards how to mend it."""

import pytest
from django.urls import reverse

from modelops.services.runs import queue_training
from modelops.services.training import run_training
from tests.events.builders import event
from tests.events.test_performance import record
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]


def test_a_training_that_nobody_permits_says_that_it_will_fail(log_in: LogIn) -> None:
    client, page = log_in("data scientist"), reverse("admin:modelops_trainingrun_train_page")
    assert "will fail" not in client.get(page).content.decode()
    for number in range(2):
        record(0, event(number, allowed=("analytics", "personalization")))

    card = client.get(page).content.decode().partition('id="forecast"')[2].partition("</section>")[0]

    assert "This training will fail: 2 events came in, none allows train_models." in card
    assert "a model is made" not in card
    assert (
        f'Consent given later does not count for events before it: send new ones. <a href="{reverse("docs")}"' in card
    )
    record(1, event(3, allowed=("train_models",)))
    assert "will fail" not in client.get(page).content.decode()


def test_the_message_of_a_training_without_permission_links_to_the_api_docs(log_in: LogIn) -> None:
    record(0, event(1, allowed=("analytics",)))
    run = run_training(queue_training(actor="system:test").pk)

    assert "Consent given later does not count for events before it: send new ones. /api/docs shows how" in run.message
    page = log_in("data scientist").get(reverse("admin:modelops_trainingrun_changelist")).content.decode()
    assert f'send new ones. <a href="{reverse("docs")}">The API documentation</a> shows how' in page
