"""What a design that is still typed would need: its audience, its size and its days, for the page."""

from typing import Any, Final

import redis
from django.conf import settings

from common.errors import NotFound
from experiments.audience import clauses_of, sentence_of
from experiments.forms.design import DesignForms
from experiments.metrics.base import Metric
from experiments.selectors.audience_size import AudienceSize, audience_size, titles_of_clauses
from experiments.selectors.baseline import Baseline, baseline, traffic
from experiments.selectors.metrics import metric
from experiments.sizing import NAMES, READS, Option, Question, Sizing, size
from experiments.stats.power import InferenceKind

NEEDED: Final = ("minimum_effect", "alpha", "power", "planned_looks", "coverage", "maximum_runtime_days", "inference")
NO_GOAL: Final = "Choose a goal, and the size is worked out from what your shoppers did in the last 28 days."
UNKNOWN: Final = (
    "Nothing is known of {name} in the last 28 days, so no size can be worked out. "
    "Say the shoppers in each arm yourself."
)


def audience_in_words(condition: Any) -> str:
    """Return the sentence of a condition; JSON stands for itself."""
    clauses = clauses_of(condition)
    if clauses is None:
        return "Shoppers whom a condition in JSON describes."
    return sentence_of(clauses, titles_of_clauses(clauses))


def size_context(design: DesignForms) -> dict[str, Any]:
    """Return what the page shows of a bound design, however unfinished."""
    design.is_valid()
    problems: list[str] = []
    audience, share, server_only = _audience(design, problems)
    context = {"problems": problems, **audience, "server_only": server_only, "sizing": None}
    sizing, basis = sizing_of(design, share, problems)
    if sizing is None:
        return context
    options = [_row(one, is_chosen=one.kind is sizing.chosen.kind) for one in sizing.options]
    return {**context, "sizing": sizing, "basis": basis, "options": options}


def planned_units(design: DesignForms) -> int | None:
    """Return the units of each arm by the calculator, None where it cannot say; only of valid forms."""
    problems: list[str] = []
    _, share, _ = _audience(design, problems)
    sizing, _ = sizing_of(design, share, problems)
    return None if sizing is None else sizing.chosen.arm_units


def sizing_of(design: DesignForms, share: float, problems: list[str]) -> tuple[Sizing | None, str]:
    """Return the sizing and what it rests on; what is missing is added to the problems."""
    values = design.form.cleaned_data
    key = values.get("goal_metric")
    if not key:
        problems.append(NO_GOAL)
        return None, ""
    if wrong := [design.form[name].label for name in NEEDED if name not in values]:
        problems.append(f"The size needs {', '.join(map(str, wrong))}.")
        return None, ""
    placement = placement_of(design)
    try:
        goal = metric(key)
    except NotFound as error:
        problems.append(error.detail)
        return None, ""
    now, daily = baseline(goal, placement), traffic(placement)
    if now is None:
        problems.append(UNKNOWN.format(name=goal.name))
        return None, ""
    try:
        sizing = size(_question(design, now, daily or (), share))
    except ValueError as error:
        problems.append(f"The size is unknown: {error}.")
        return None, ""
    return sizing, _basis(goal, now, daily, placement)


def placement_of(design: DesignForms) -> str | None:
    """Return the placement that the arms are about, None for none or many."""
    names = {
        payload["placement"]
        for form in design.arms.filled
        if isinstance(payload := getattr(form, "cleaned_data", {}).get("payload"), dict) and "placement" in payload
    }
    return next(iter(names)) if len(names) == 1 and design.form["payload_kind"].value() else None


def _question(design: DesignForms, now: Baseline, daily: tuple[int, ...], share: float) -> Question:
    values = design.form.cleaned_data
    weights = [form.cleaned_data.get("weight") or 0.0 for form in design.arms.filled if hasattr(form, "cleaned_data")]
    total = sum(weights)
    if len(weights) < 2 or total <= 0 or min(weights) <= 0:
        raise ValueError("it takes two arms, each with a share of the shoppers")
    return Question(
        value=now.value,
        variance=now.variance,
        effect=values["minimum_effect"] / 100,
        weights=tuple(one / total for one in weights),
        kind=InferenceKind(values["inference"]),
        alpha=values["alpha"] / 100,
        power=values["power"] / 100,
        looks=values["planned_looks"],
        daily=daily,
        share=share,
        coverage=values["coverage"] / 100,
        most_days=values["maximum_runtime_days"],
    )


def _audience(design: DesignForms, problems: list[str]) -> tuple[dict[str, Any], float, bool]:
    """Return the audience in words, the share of shoppers that takes part, and whether only the server knows it."""
    if not (design.audience.is_valid() and "condition_json" in design.form.cleaned_data):
        problems.append("The audience is not complete yet, so the size is that of everybody.")
        return {"audience": "", "audience_size": ""}, 1.0, False
    try:
        measured = audience_size(design.condition)
    except redis.RedisError:
        problems.append("Redis did not answer, so the size of the audience is unknown.")
        return {"audience": audience_in_words(design.condition), "audience_size": ""}, 1.0, False
    words = {"audience": audience_in_words(design.condition), "audience_size": _size_in_words(measured)}
    return words, 1.0 if measured.participating is None else measured.participating, measured.server_only


def _size_in_words(measured: AudienceSize) -> str:
    if not measured.sample:
        return "No shopper was seen in the last 28 days, so its size is unknown."
    allowed = f"{_percent(measured.participating or 0.0)} take part, as they may be experimented on"
    if measured.matching is None:
        names = ", ".join(measured.of_pages)
        return f"Only your pages know {names}, so its size is unknown here. Of all shoppers, {allowed}."
    return (
        f"{_percent(measured.matching)} of the shoppers of the last 28 days, by a sample of {measured.sample:,}. "
        f"{allowed}."
    )


def _basis(goal: Metric, now: Baseline, daily: tuple[int, ...] | None, placement: str | None) -> str:
    where = f"who saw {placement}" if placement else "who came"
    value = in_display(now.value, goal.display)
    if hours := goal.numerator.window_hours:
        value += f" within {hours} {'hour' if hours == 1 else 'hours'}"
    text = f"{goal.name} is {value} now, among {now.units:,} shoppers {where} in 28 days."
    return text if daily is not None else f"{text} Their days could not be counted in time."


def in_display(value: float, display: str) -> str:
    """Return a metric's value for people."""
    if display == "share":
        return f"{100 * value:.3g} %"
    return f"{value:,.2f} {settings.SHOP_CURRENCY}" if display == "money" else f"{value:.4g}"


def _row(option: Option, *, is_chosen: bool) -> dict[str, Any]:
    cost = option.cost
    return {
        "is_chosen": is_chosen,
        "name": NAMES[option.kind].capitalize(),
        "reads": READS[option.kind],
        "arm_units": option.arm_units,
        "days": "unknown" if option.days is None else "years" if option.is_too_long else f"{option.days:,}",
        "ratio": f"× {cost.size_ratio:.2f}",
        "with_effect": f"at {_percent(cost.time_with_effect)}",
        "without": f"at {_percent(cost.time_without_effect)}",
    }


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.01 else f"{100 * share:.2g} %"
