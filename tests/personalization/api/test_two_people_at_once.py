"""Two people who work on one thing in the admin at the same moment: the second is told, and undoes nothing."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from personalization.admin import placements, rules
from personalization.models import Placement, Rule
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked")]
PLACEMENT = {
    "key": "tips", "name": "Tips", "about": "shopper", "size": "8", "strategy": "blend", "fresh_slots": "0",
    "explore_share": "0", "explore_cap": "50", "explore_days": "7", "explore_enough": "300",
    "max_per_brand": "0", "max_per_category": "0", "dedupe_group": "page",
}  # fmt: skip
RULE = {"name": "Rugs first", "active": "on", "effect": "boost", "factor": "3", "priority": "0", "products": "rug"}


def first(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, work: Callable[[], Any]) -> None:
    """Have somebody else's work done, and seen by all, when the next one comes to a step for the first time."""
    real, waiting = getattr(target, name), [work]

    def others() -> None:
        waiting.pop()()
        connection.close()

    def outrun(*args: Any, **named: Any) -> Any:
        if waiting:
            other = Thread(target=others)
            other.start()
            other.join()
        return real(*args, **named)

    monkeypatch.setattr(target, name, outrun)


@pytest.mark.parametrize("step", [(placements, "save_placement"), (Placement, "save")])
def test_of_two_who_make_one_placement_the_second_is_told(
    step: tuple[Any, str], log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    dee, other = log_in("merchandiser"), log_in("")
    page = reverse("admin:personalization_placement_add")
    first(monkeypatch, *step, lambda: other.post(page, {**PLACEMENT, "name": "Of the other"}))

    second = dee.post(page, PLACEMENT)

    assert second.status_code == 200
    assert second.context["adminform"].form.errors == {"key": ["Placement with this Key already exists."]}
    assert Placement.objects.get(key="tips").name == "Of the other"


@pytest.mark.parametrize("step", [(rules, "create_rule"), (Rule, "save")])
def test_of_two_who_name_a_rule_alike_the_second_is_told(
    step: tuple[Any, str], log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    dee, other = log_in("merchandiser"), log_in("")
    page = reverse("admin:personalization_rule_add")
    first(monkeypatch, *step, lambda: other.post(page, {**RULE, "factor": "5"}))

    second = dee.post(page, RULE)

    assert second.status_code == 200
    assert second.context["adminform"].form.errors == {"name": ["Rule with this Name already exists."]}
    assert Rule.objects.values_list("current__factor", flat=True).get() == 5
