"""Concurrent edits in the admin: the second person gets an error and undoes nothing."""

from collections.abc import Callable
from html.parser import HTMLParser
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from personalization.admin import placements, rules
from personalization.models import Placement, Rule
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]
PLACEMENT = {
    "key": "tips", "name": "Tips", "about": "shopper", "size": "8", "strategy": "blend", "recent_item_slots": "0",
    "explore_share": "0", "explore_cap": "50", "explore_days": "7", "explore_enough": "300", "rest_days": "0",
    "max_per_brand": "0", "max_per_category": "0", "discovery_share": "0.7",
}  # fmt: skip
RULE = {"name": "Rugs first", "active": "on", "effect": "boost", "factor": "3", "priority": "0", "products": "rug"}


class Untouched(HTMLParser):
    """The form data that a browser submits of an unchanged page."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._select = ""

    @classmethod
    def of(cls, page: Any) -> dict[str, str]:
        """Return the fields by name."""
        read = cls()
        read.feed(page.content.decode())
        return read.fields

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._select = values.get("name", "") if tag == "select" else self._select
        if tag == "input" and "name" in values and (values.get("type") != "checkbox" or "checked" in values):
            self.fields[values["name"]] = values.get("value", "")
        if tag == "option" and "selected" in values:
            self.fields[self._select] = values["value"]


def first(monkeypatch: pytest.MonkeyPatch, target: Any, name: str, work: Callable[[], Any]) -> None:
    """Run and commit somebody else's change when the next request first reaches a step."""
    real, pending = getattr(target, name), [work]

    def others() -> None:
        pending.pop()()
        connection.close()

    def outrun(*args: Any, **kwargs: Any) -> Any:
        if pending:
            other = Thread(target=others)
            other.start()
            other.join()
        return real(*args, **kwargs)

    monkeypatch.setattr(target, name, outrun)


@pytest.mark.parametrize("step", [(placements, "save_placement"), (Placement, "save")])
def test_concurrent_creation_of_a_placement_shows_error(
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
def test_concurrent_use_of_a_rule_name_shows_error(
    step: tuple[Any, str], log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    dee, other = log_in("merchandiser"), log_in("")
    page = reverse("admin:personalization_rule_add")
    first(monkeypatch, *step, lambda: other.post(page, {**RULE, "factor": "5"}))

    second = dee.post(page, RULE)

    assert second.status_code == 200
    assert second.context["adminform"].form.errors == {"name": ["Rule with this Name already exists."]}
    assert Rule.objects.values_list("current__factor", flat=True).get() == 5


def test_concurrent_edits_of_a_rule_conflict(log_in: LogIn) -> None:
    dee, other = log_in("merchandiser"), log_in("")
    dee.post(reverse("admin:personalization_rule_add"), RULE)
    rule = Rule.objects.get()
    page = reverse("admin:personalization_rule_change", args=[rule.pk])
    form = Untouched.of(dee.get(page))

    saved = other.post(page, {**form, "factor": "5"})
    conflict = dee.post(page, {**form, "products": "rug, throw"})

    assert (saved.status_code, conflict.status_code) == (302, 200)
    assert conflict.context["adminform"].form.non_field_errors() == [
        "Changed meanwhile by root, see Versions: reload the page and decide again."
    ]
    assert rule.versions.count() == 2
    anew = Untouched.of(dee.get(page))
    assert dee.post(page, {**anew, "products": "rug, throw"}).status_code == 302
    assert list(rule.versions.values_list("factor", "products")) == [
        (5.0, ["rug", "throw"]),
        (5.0, ["rug"]),
        (3.0, ["rug"]),
    ]


def test_concurrent_edit_and_switch_are_both_kept(log_in: LogIn) -> None:
    dee, other = log_in("merchandiser"), log_in("")
    dee.post(
        reverse("admin:personalization_rule_add"), {**RULE, "starts_at_0": "2026-11-01", "starts_at_1": "08:00:00"}
    )
    rule = Rule.objects.get()
    page = reverse("admin:personalization_rule_change", args=[rule.pk])
    form = Untouched.of(dee.get(page))
    off = {name: value for name, value in form.items() if name != "active"}

    switched = other.post(page, off)
    reworded = dee.post(page, {**form, "factor": "5"})
    again = other.post(page, off)

    assert [one.status_code for one in (switched, reworded, again)] == [302, 302, 302]
    rule.refresh_from_db()
    assert not rule.active
    assert list(rule.versions.values_list("number", "factor")) == [(3, 5.0), (2, 3.0), (1, 3.0)]
