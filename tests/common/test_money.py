"""Money is written with its currency's own decimals, and loses none that it has."""

from decimal import Decimal

import pytest

from common.money import format_money, plain


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("89.9000", "EUR", "89.90"),
        ("89", "EUR", "89.00"),
        ("0", "EUR", "0.00"),
        ("0.0125", "EUR", "0.0125"),
        ("1200.0000", "JPY", "1200"),
        ("1.5", "KWD", "1.500"),
        ("1E+3", "EUR", "1000.00"),
        ("999999999999.9999", "USD", "999999999999.9999"),
    ],
)
def test_an_amount_is_written(amount: str, currency: str, written: str) -> None:
    assert plain(Decimal(amount), currency) == written


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("9.9000", "EUR", "€9.90"),
        ("1340", "EUR", "€1,340.00"),
        ("1200.0000", "JPY", "¥1,200"),
        ("-15.5", "USD", "-$15.50"),
        ("9.9", "CHF", "CHF\N{NO-BREAK SPACE}9.90"),
        ("0.0125", "EUR", "€0.0125"),
        ("9.90", "", "9.90"),
    ],
)
def test_an_amount_is_shown_as_browsers_show_it(amount: str, currency: str, written: str) -> None:
    assert format_money(Decimal(amount), currency) == written
