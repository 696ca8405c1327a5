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
    numbers = ends(effect, scale=_scale(display))
    if numbers is None:
        return TOO_FEW
    value, low, high = map(_short, numbers)
    return f"{value}{_unit(display)} [{low}, {high}]"


def amount_text(value: float | None, display: str, *, sign: str = "+") -> str:
    """Return a difference between values of a metric: `+0.4 points`, `-12.3 EUR`; with `sign` "-" without a plus."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{_short(_scale(display) * value, sign)}{_unit(display)}"


def p_text(p_value: float) -> str:
    """Return a p-value: `0.0123`, `< 0.0001`."""
    return f"{p_value:.3g}" if p_value >= 0.0001 else "< 0.0001"


def shop_time(at: datetime) -> datetime:
    """Return a time in the shop's zone."""
    return at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE))


def time_text(at: datetime | None) -> str:
    """Return a time in the shop's zone, to the minute."""
    return NOTHING if at is None else f"{shop_time(at):%Y-%m-%d %H:%M}"


def days_text(days: float | None) -> str:
    """Return a number of days: `12 days`, `1 day`, `less than a day`."""
    if days is None:
        return NOTHING
    return "less than a day" if 0 < days < 1 else f"{days:,.0f} day{'s' * (round(days) != 1)}"


def _scale(display: str) -> float:
    return 100 if display == "share" else 1


def _unit(display: str) -> str:
    """Return the unit of a difference, with the space before it: of shares points, of money the shop's currency."""
    if display == "money":
        return f" {settings.SHOP_CURRENCY}"
    return " points" if display == "share" else ""


def _short(value: float, sign: str = "+") -> str:
    """Return three digits of a number, or all before its decimals."""
    return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.3g}"
