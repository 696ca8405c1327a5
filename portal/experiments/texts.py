"""Numbers of results in words: values, effects with their intervals, times. Pure but for the shop's settings."""

import math
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from common.money import format_money
from experiments.results import Effect

NOTHING: Final = "–"
TOO_FEW: Final = "too little to say"


def value_text(value: float | None, display: str) -> str:
    """Return the value of a metric: `3.42 %`, `€61.20`, `1.234`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if display == "share":
        return f"{100 * value:.2f} %"
    if display == "money":
        return format_money(Decimal(f"{value:.2f}"), settings.SHOP_CURRENCY)
    return f"{value:,.4g}"


def ends(effect: Effect, *, scale: float = 1) -> tuple[float, float, float] | None:
    """Return value, low and high end of an effect, None where one of them is open."""
    value, low, high = effect.value, effect.low, effect.high
    if value is None or low is None or high is None or not all(map(math.isfinite, (value, low, high))):
        return None
    return scale * value, scale * low, scale * high


def relative_text(effect: Effect) -> str:
    """Return a relative effect with its interval: `+3.1 % [-1.2, +7.4]`."""
    numbers = ends(effect, scale=100)
    return TOO_FEW if numbers is None else "{:+.1f} % [{:+.1f}, {:+.1f}]".format(*numbers)


def absolute_text(effect: Effect, display: str) -> str:
    """Return an absolute effect with its interval, in the unit of the metric; of a share in points."""
    numbers = ends(effect, scale=100 if display == "share" else 1)
    unit = " points" if display == "share" else ""
    return TOO_FEW if numbers is None else "{:+,.3g}{} [{:+,.3g}, {:+,.3g}]".format(numbers[0], unit, *numbers[1:])


def time_text(at: datetime | None) -> str:
    """Return a time in the shop's zone, to the minute."""
    return NOTHING if at is None else f"{at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)):%Y-%m-%d %H:%M}"


def days_text(days: float | None) -> str:
    """Return a number of days: `12 days`, `1 day`, `less than a day`."""
    if days is None:
        return NOTHING
    return "less than a day" if 0 < days < 1 else f"{days:,.0f} day{'s' * (round(days) != 1)}"
