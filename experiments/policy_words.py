"""The numbers of a decision in words. Pure."""

from experiments.results import ArmComparison, ExperimentResults


def name_of(results: ExperimentResults, arm: str) -> str:
    """Return the name of an arm, or its key."""
    return next((one.name for one in results.arms if one.arm == arm and one.name), arm)


def effect_in_words(one: ArmComparison) -> str:
    """Return an effect with its interval: `+4.2 % (+1.1 % to +7.3 %)`, absolute where a share would contradict it."""
    effect, show = (one.relative, percent_in_words) if one.is_shown_relative else (one.absolute, number_in_words)
    if effect.value is None:
        return "the effect is unknown"
    if effect.low is None or effect.high is None:
        return show(effect.value)
    return f"{show(effect.value)} ({show(effect.low)} to {show(effect.high)})"


def number_in_words(value: float) -> str:
    """Return a change in the metric's unit with its sign: `+0.042`."""
    return f"{value:+.4g}"


def percent_in_words(share: float) -> str:
    """Return a change with its sign: `+4.2 %`."""
    return f"{100 * share:+.1f} %"


def share_in_words(share: float) -> str:
    """Return a share: `25 %`."""
    return f"{100 * share:.3g} %"


def days_in_words(days: float) -> str:
    """Return days, cut off and never rounded up: `6.9`."""
    return f"{int(10 * days) / 10:g}"
