"""Numbers as texts."""


def percent(share: float) -> str:
    """Return a share as text: 3.1 %."""
    text = f"{abs(100 * share):.{1 if abs(share) < 0.0995 else 0}f}"
    return f"−{text} %" if share < 0 and float(text) else f"{text} %"


def count_of_units(count: int) -> str:
    """Return a number of units as text."""
    return {0: "no unit", 1: "one unit"}.get(count, f"{count} units")


def short_number(value: float) -> str:
    """Return a number with four digits."""
    return f"{value:.4g}".replace("-", "−")
