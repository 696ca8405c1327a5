"""A draft is replayed over yesterday's served requests: lists and places changed, shorter lists, crowded places."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.services import bulk_upsert
from common import clock
from events.log import get_log
from personalization.services.rules import create_rule
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.rule_replay import RuleReplay, replay_rule
from tests.personalization.trials.served import served
from tests.staff import LogIn

REPLAY = "/admin/personalization/rule/replay/"


@pytest.fixture
def dee(log_in: LogIn, settings: Settings) -> Client:
    """Dee the merchandiser, before a shop of twelve products."""
    settings.SERVING_REFRESH = "inline"
    snapshot_refresher.forget()
    rows = [{"product_id": f"P{n:02}", "title": f"Thing {n}", "price": "10.00"} for n in range(1, 13)]
    assert bulk_upsert(rows, actor="system:test").rejected == ()
    return log_in("merchandiser")


def replay(**wording: Any) -> RuleReplay:
    """Return the replay of a draft."""
    return replay_rule({"effect": "exclude", **wording})


def test_lists_and_places_are_counted(dee: Client) -> None:
    served(5)
    served(3, "trending")
    served(2, at=clock.now() - timedelta(days=5))
    served(4, first=11)

    result = replay(products=["P05"], placements=["home"])

    assert (result.total.n_requests, result.total.n_lists) == (5, 5)
    assert (result.total.n_new, result.total.n_gone, result.total.moves) == (5, 5, {-1: 5 * 5})
    assert result.total.in_words == "1 product new, 1 drops out, 5 others move up 1"
    assert result.is_too_few
    assert result.total.n_short == 0
    assert set(replay(products=["P05"]).placements) == {"home", "trending"}


def test_an_unchanged_rule_is_replayed_against_the_shop_without_it(dee: Client) -> None:
    served(3)
    wording = {"effect": "exclude", "products": ["P05"], "placements": ["home"]}
    rule = create_rule(name="Hide", wording=wording, actor="staff:1")

    own = replay_rule(wording, instead_of=rule.pk)
    other = replay_rule({**wording, "products": ["P06"]}, instead_of=rule.pk)

    assert (own.against, own.total.n_lists) == ("without", 3)
    assert (other.against, other.total.n_lists) == ("saved", 3)


def test_starved_and_crowded_lists_are_warned_of(dee: Client) -> None:
    served(4)

    starved = replay(effect="require", products=["P01", "P02"])
    page = dee.post(
        REPLAY, {"effect": "require", "products": "P01, P02"}, headers={"X-Requested-With": "fetch"}
    ).content.decode()

    assert (starved.total.n_short, starved.placements["home"].shortest) == (4, 2)
    assert "Starvation: 4 lists would be shorter than now." in page
    assert "4, down to 2" in page
    assert "Only 4 requests: too few to judge." in page
    assert "answered again now: shoppers, products and model are as they are now" in page
    assert starved.share_with_draft == pytest.approx(0.2)


def test_products_that_take_most_places_are_warned_of(dee: Client) -> None:
    rows = [{"product_id": f"Q{n:02}", "title": f"New {n}", "price": "1.00"} for n in range(1, 9)]
    assert bulk_upsert(rows, actor="system:test").rejected == ()
    served(2)

    result = replay(effect="pin", position=1, products=[row["product_id"] for row in rows])

    assert result.crowds_out
    assert (result.share_now, result.share_with_draft) == (0.0, 0.8)


def test_without_requests_yesterday_the_last_day_counts(dee: Client) -> None:
    empty = dee.post(REPLAY, {"effect": "exclude", "products": "P01"})
    assert "there is nothing to replay" in empty.content.decode()
    assert "<!DOCTYPE" in empty.content.decode()
    served(3, at=clock.now() - timedelta(minutes=1))

    result = replay(products=["P01"])

    assert result.total.n_requests == 3


def test_the_context_of_a_request_is_asked_again(dee: Client) -> None:
    served(2, "product", context=["P03"])
    served(1, "product", context=["P04"])

    result = replay(products=["P01"], context_products=["P03"])

    assert (result.total.n_requests, result.total.n_lists) == (3, 2)


def test_a_replay_leaves_no_trace(dee: Client, log_in: LogIn) -> None:
    served(2)

    replay(products=["P01"])

    assert get_log().length() == 0
    assert log_in("marketer").post(REPLAY, {"effect": "exclude"}).status_code == 403
