"""Amounts of money in templates."""

from decimal import Decimal

from django import template

from common.money import format_money

register = template.Library()


@register.filter
def money(amount: Decimal | str | None, currency: str) -> str:
    """Return the amount with its currency, "" without an amount: `{{ price|money:currency }}`."""
    return "" if amount is None else format_money(Decimal(amount), currency)
