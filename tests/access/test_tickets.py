"""One-time tickets."""

import pytest

from access import tickets
from common import redis
from common.errors import Unauthenticated


def test_a_ticket_works_once() -> None:
    ticket = tickets.issue("recommendations", {"user_id": "ada"})

    assert tickets.redeem("recommendations", ticket) == {"user_id": "ada"}
    with pytest.raises(Unauthenticated):
        tickets.redeem("recommendations", ticket)


def test_a_ticket_of_another_purpose_is_unknown_and_stays() -> None:
    ticket = tickets.issue("staff", {})

    with pytest.raises(Unauthenticated):
        tickets.redeem("recommendations", ticket)

    assert tickets.redeem("staff", ticket) == {}


@pytest.mark.parametrize("ticket", ["", "vt_guess", "x" * 1_000_000, "\ud800"])
def test_a_guess_is_refused(ticket: str) -> None:
    with pytest.raises(Unauthenticated):
        tickets.redeem("recommendations", ticket)


def test_redis_holds_no_ticket_and_forgets_it_soon() -> None:
    ticket = tickets.issue("recommendations", {})

    (name,) = redis.client().keys(f"{tickets.PREFIX}*")

    assert ticket.encode() not in name
    assert 0 < redis.client().ttl(name) <= tickets.SECONDS
