"""The cart keeps units and the id of the clicked list."""

from typing import Any

from portal.shop import cart


def test_units_add_up_and_list_id_is_kept() -> None:
    session: dict[str, Any] = {}

    cart.add(session, "P1", list_id="R1")
    cart.add(session, "P1")
    cart.add(session, "P2")

    assert cart.lines(session) == [cart.CartLine("P1", 2, "R1"), cart.CartLine("P2", 1, "")]
    assert cart.units(session) == 3


def test_removing_a_line_keeps_the_others() -> None:
    session: dict[str, Any] = {}
    cart.add(session, "P1")
    cart.add(session, "P2")

    cart.remove(session, "P1")
    cart.remove(session, "P9")

    assert [line.product_id for line in cart.lines(session)] == ["P2"]


def test_full_cart_accepts_only_more_units() -> None:
    session: dict[str, Any] = {}
    for number in range(cart.MOST_LINES + 5):
        cart.add(session, f"P{number}")

    cart.add(session, "P0")

    assert len(cart.lines(session)) == cart.MOST_LINES
    assert cart.lines(session)[0].quantity == 2
