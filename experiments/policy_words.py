"""The numbers of a decision in words. Pure."""

from experiments.results import ArmComparison, ExperimentResults


def name_of(results: ExperimentResults, arm: str) -> str:
    """Return the name of an arm, or its key."""
    return next((one.name for one in results.arms if one.arm == arm and one.name), arm)


def effect_in_words(one: ArmComparison) -> str:
    """Return an effect with its interval: `+4.2 % (+1.1 % to +7.3 %)`."""
    effect = one.relative
    if effect.value is None:
        return "the effect is unknown"
    if effect.low is None or effect.high is None:
        return percent_in_words(effect.value)
    return f"{percent_in_words(effect.value)} ({percent_in_words(effect.low)} to {percent_in_words(effect.high)})"


def percent_in_words(share: float) -> str:
    """Return a change with its sign: `+4.2 %`."""
    return f"{100 * share:+.1f} %"


def share_in_words(share: float) -> str:
    """Return a share: `25 %`."""
    return f"{100 * share:.3g} %"


def days_in_words(days: float) -> str:
    """Return days, cut off and never rounded up: `6.9`."""
    return f"{int(10 * days) / 10:g}"
