"""The parts of a results page: what is concluded, units, plan, policy and trail as text, the rest as sections. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Final

from experiments.metrics.base import MOST_LISTS
from experiments.results import ArmComparison, ArmValue, Effect, ExperimentResults, MetricResult
from experiments.selectors.story import ProposedStep, Story
from portal.experiments import figures
from portal.experiments.texts import (
    NOTHING,
    TOO_FEW,
    absolute_text,
    amount_text,
    days_text,
    p_text,
    relative_text,
    time_text,
    value_text,
)
from portal.sections import Section

LEVEL_MARKS: Final = {
    "better": "yes", "worse": "fail", "unhealthy": "fail", "futile": "warn",
}  # fmt: skip
"""The color of a level's chip; others have none."""
LEVELS: Final = {
    "waiting": "waiting", "unhealthy": "not to be trusted", "undecided": "undecided", "better": "better",
    "worse": "worse", "futile": "futile", "no_difference": "no difference", "ended": "ended",
}  # fmt: skip
POLICIES: Final = {
    "off": "Nothing happens by itself.",
    "recommend": "It recommends the next step; a person takes it.",
    "approve": "It asks for approval, and acts once somebody gave it.",
    "automatic": "It acts by itself, on record, and each step can be undone.",
}
"""What a policy does, by its mode."""
INFERENCES: Final = {
    "always_valid": "always valid: look and stop when you like",
    "group_sequential": "group sequential: planned looks",
    "fixed": "fixed horizon: one look at the end",
}
DIMENSIONS: Final = {"device": "By device", "visitor": "New and returning visitors", "segment": "By segment"}
GROUP_WARNING: Final = (
    "Groups are for ideas, not for verdicts: among many groups one differs by chance. The interval of each is wider."
)
REPORT_SECTIONS: Final = ("goal", "metrics", "guardrails", "factors", "interaction", "trail")
"""The report is about all visitors together."""
TRAIL_COLUMNS: Final = ("When", "What", "Who", "Why")


@dataclass(frozen=True, slots=True)
class Marked:
    """A cell of a table that is drawn as a chip."""

    text: str
    mark: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


def names_of_arms(results: ExperimentResults) -> dict[str, str]:
    """Return the name of each arm, by its key."""
    return {one.arm: one.name for one in results.arms}


def top(results: ExperimentResults, story: Story, *, outlook: str = "") -> dict[str, Any]:
    """Return what the cards at the top of the page show. `outlook` is what the policy waits for, or is about to do."""
    return {
        "results": results,
        "story": story,
        "level": Marked(LEVELS[results.level], LEVEL_MARKS.get(results.level, "")),
        "units": units(results),
        "ratio": ratio_sentence(results),
        "plan": plan(results, story),
        "reached": min(100, round(100 * (results.progress.information or 0))),
        "policy": POLICIES.get(story.policy_mode, ""),
        "outlook": outlook,
        "next_steps": [one for one in story.proposals if one.state == "open"],
        "counted": time_text(results.health.counted_until),
        "at": time_text(results.at),
    }


def ratio_sentence(results: ExperimentResults) -> Marked:
    """Return whether the arms have the shares that were planned."""
    p_value = results.health.srm_p_value
    if results.health.is_mismatch:
        text = (
            f"The arms do not have the planned shares (p = {p_value:.2g}): nothing may be concluded before it is found."
        )
        return Marked(text, "fail")
    return Marked(f"The arms have the planned shares (p = {p_value:.2g}).", "yes")


def units(results: ExperimentResults) -> Section:
    """Return the units of each arm, beside the plan."""
    rows = [
        (one.name, f"{one.units:,}", f"{one.share:.1%} of {one.planned_share:.1%}", f"{one.quarantined:,}",
         f"{one.withheld:,}", f"{one.machines:,}", f"{one.capped:,}")
        for one in results.arms
    ]  # fmt: skip
    columns = (
        "Arm",
        "Visitors",
        "Share of planned",
        "In two arms",
        "No consent",
        "Machines",
        f"Over {MOST_LISTS} lists",
    )
    note = (
        "Visitors who saw two arms are not analyzed. Whoever may not be experimented on is only counted, and so is a "
        f"device that says it is a machine. Of each visitor the first {MOST_LISTS} lists count, with their clicks."
    )
    return Section("units", "Visitors", note, columns, rows)


def plan(results: ExperimentResults, story: Story) -> list[Fact]:
    """Return how far the experiment is."""
    progress = results.progress
    planned = "no plan" if progress.planned_units is None else f"{progress.planned_units:,} visitors in each arm"
    if progress.information is not None:
        planned += f", {progress.information:.0%} of it reached"
    left = "no end planned" if progress.days_left is None else f"about {days_text(progress.days_left)} left"
    has_ended = story.ended_at is not None
    began = f"{time_text(story.started_at)}{f' until {time_text(story.ended_at)}' if has_ended else ''}"
    span = f"{left}; {progress.minimum_days} days at least, {progress.maximum_days} at most"
    rows = [
        Fact("Ran from" if has_ended else "Runs since", f"{began}, {days_text(progress.days)}"),
        *([] if has_ended else [Fact("Time left", span)]),
        Fact("Plan", planned),
        Fact("Traffic", f"{story.coverage:.0%} of the audience"),
        Fact("Read as", f"{INFERENCES.get(results.inference, results.inference)}, alpha {results.alpha:g}"),
    ]
    if progress.detectable_effect is not None:
        rows.append(Fact("Can show by now", f"effects of {progress.detectable_effect:.1%} and more"))
    if progress.predictive_power is not None and not has_ended:
        rows.append(Fact("Chance to succeed", f"{progress.predictive_power:.0%}, if it goes on to its end"))
    return rows


def sections(results: ExperimentResults, story: Story) -> list[Section]:
    """Return the tables and figures below the top, those without any number left out."""
    names = names_of_arms(results)
    parts: Iterator[Section | None] = iter(
        (
            _funnel(results, story, names),
            _metrics(results, names),
            _guardrails(results, names),
            *_goal_sections(results, names),
            *_factor_sections(results, story),
            *(_quantiles(one, names) for one in results.metrics),
            trail(story),
        )
    )
    return [one for one in parts if one is not None]


def report_sections(results: ExperimentResults, on_page: Sequence[Section]) -> list[Section]:
    """Return the sections of the report; the goal's table has the numbers of now, its plot all looks."""
    n = len(results.goal.comparisons) if results.goal else 0
    own = [one for one in on_page if one.slug in REPORT_SECTIONS]
    return [replace(one, rows=one.rows[:n]) if one.slug == "goal" else one for one in own]


def _funnel(results: ExperimentResults, story: Story, names: Mapping[str, str]) -> Section | None:
    goal = results.goal
    if goal is None:
        return None
    looks = [
        (time_text(point.at), names.get(str(one.get("arm")), ""), relative_text(_effect(one.get("relative"))),
         absolute_text(_effect(one.get("absolute")), goal.display))
        for point in story.looks
        for one in point.comparisons
    ]  # fmt: skip
    now = [
        (time_text(results.at), names.get(one.arm, one.arm), relative_text(one.relative),
         absolute_text(one.absolute, goal.display))
        for one in goal.comparisons
    ]  # fmt: skip
    note = f"{goal.name}, against the control. The interval narrows as visitors come. The absolute effect decides."
    columns = ("When", "Arm", "Relative effect", "Absolute effect")
    figure = figures.funnel(results, story.looks, names, since=story.started_at)
    return Section("goal", "The goal over time", note, columns, [*now, *looks[::-1]], figure)


def _effect(content: Any) -> Effect:
    content = content or {}
    return Effect(content.get("value"), content.get("low"), content.get("high"))


def _metrics(results: ExperimentResults, names: Mapping[str, str]) -> Section:
    rows = []
    for metric in results.metrics:
        by_arm = {one.arm: one for one in metric.comparisons}
        rows += [_metric_row(metric, value, by_arm.get(value.arm), names) for value in metric.arms]
    columns = ("Metric", "Arm", "Value", "Relative effect", "Absolute effect", "p-value", "Chance to win")
    note = "Intervals hold while you watch. The chance to win is for reading; it decides nothing."
    return Section("metrics", "Metrics", note, columns, rows, figures.metric_intervals(results, names))


def _metric_row(
    metric: MetricResult, value: ArmValue, comparison: ArmComparison | None, names: Mapping[str, str]
) -> tuple[Any, ...]:
    title = f"{metric.name}, {metric.role}"
    start = (title, names.get(value.arm, value.arm), value_text(value.value, metric.display))
    if comparison is None:
        return (*start, "control", NOTHING, NOTHING, NOTHING)
    chance = NOTHING if comparison.chance_to_win is None else f"{comparison.chance_to_win:.0%}"
    effect: Any = relative_text(comparison.relative)
    absolute: Any = absolute_text(comparison.absolute, metric.display)
    if comparison.is_significant:
        state = "yes" if comparison.is_better else "fail"
        if comparison.is_shown_relative:
            effect = Marked(effect, state)
        else:
            absolute = Marked(absolute, state)
    return (*start, effect, absolute, p_text(comparison.adjusted_p_value), chance)


def _guardrails(results: ExperimentResults, names: Mapping[str, str]) -> Section | None:
    rows = [
        (
            metric.name,
            names.get(one.arm, one.arm),
            amount_text(one.guardrail.margin, metric.display, sign="-"),
            Marked(*_guardrail_state(is_breached=one.guardrail.is_breached, holds=one.guardrail.holds)),
            amount_text(one.guardrail.least_gain, metric.display),
            amount_text(one.guardrail.greatest_gain, metric.display),
        )
        for metric in results.guardrails
        for one in metric.comparisons
        if one.guardrail is not None
    ]
    columns = ("Guardrail", "Arm", "Allowed harm", "State", "At least", "At most")
    note = "A guardrail is breached once harm beyond what is allowed is shown, and holds once such harm is excluded."
    return Section("guardrails", "Guardrails", note, columns, rows) if rows else None


def _guardrail_state(*, is_breached: bool, holds: bool) -> tuple[str, str]:
    if is_breached:
        return "breached", "fail"
    return ("holds", "yes") if holds else ("not shown yet", "")


def _goal_sections(results: ExperimentResults, names: Mapping[str, str]) -> Iterator[Section | None]:
    goal = results.goal
    if goal is None:
        return
    yield _windows(goal, names)
    yield _days(goal, names)
    for one in goal.breakdowns:
        rows = [(group.value, group.comparisons) for group in one.groups]
        title = DIMENSIONS.get(one.dimension, f"By {one.dimension}")
        table = [
            (group.value, *_value_cells(group.arms, goal), *_effect_cells(group.comparisons)) for group in one.groups
        ]
        yield Section(
            f"by-{one.dimension}", title, f"{goal.name}. {GROUP_WARNING}", _columns("Group", goal, names), table,
            figures.compared(rows, names),
        )  # fmt: skip


def _windows(goal: MetricResult, names: Mapping[str, str]) -> Section | None:
    rows = [(f"last {days_text(days)}", goal.windows[days]) for days in sorted(goal.windows)]
    table = [
        (name, names.get(one.arm, one.arm), relative_text(one.relative))
        for name, comparisons in rows
        for one in comparisons
    ]
    note = (
        f"{goal.name} of visitors whose first exposure was in the last 1, 7 and 28 days. The verdict uses all. "
        "An arrow: the interval goes on."
    )
    columns = ("Time", "Arm", "Relative effect")
    return Section("windows", "Lately", note, columns, table, figures.lately(rows, names)) if table else None


def _days(goal: MetricResult, names: Mapping[str, str]) -> Section | None:
    rows = [
        (f"{day.day}", *_value_cells(day.arms, goal), *_effect_cells(day.cumulative)) for day in reversed(goal.days)
    ]
    note = f"{goal.name} by the day of a visitor's first exposure, and the effect of all days until then."
    columns = _columns("Day", goal, names, effect="until then")
    return Section("days", "Day by day", note, columns, rows, figures.daily(goal, names)) if rows else None


def _columns(first: str, goal: MetricResult, names: Mapping[str, str], *, effect: str = "effect") -> tuple[str, ...]:
    values = [names.get(one.arm, one.arm) for one in goal.arms]
    effects = [f"{names.get(one.arm, one.arm)}, {effect}" for one in goal.comparisons]
    return (first, *values, *effects)


def _value_cells(arms: Sequence[ArmValue], goal: MetricResult) -> list[str]:
    by_arm = {one.arm: one for one in arms}
    return [
        f"{value_text(by_arm[one.arm].value, goal.display)} of {by_arm[one.arm].units:,}"
        if one.arm in by_arm
        else NOTHING
        for one in goal.arms
    ]


def _effect_cells(comparisons: Sequence[ArmComparison]) -> list[str]:
    return [relative_text(one.relative) for one in comparisons] or [TOO_FEW]


def _factor_sections(results: ExperimentResults, story: Story) -> Iterator[Section | None]:
    goal = results.goal
    if goal is None or not results.factors:
        return
    rows = [(one.name, absolute_text(one.effect, goal.display), p_text(one.p_value)) for one in results.factors]
    note = "A level's effect averages over the other factors. An interaction says how much they depend on each other."
    yield Section(
        "factors", "Main effects and interactions", note, ("Effect", f"On {goal.name.lower()}", "p-value"), rows,
        figures.factor_effects(results),
    )  # fmt: skip
    values = {one.arm: one for one in goal.arms}
    cells = [
        (*levels.values(), value_text(values[arm].value, goal.display), f"{values[arm].units:,}")
        for arm, levels in story.levels.items()
        if arm in values
    ]
    columns = (*story.factors, goal.name, "Visitors")
    note = "Where the lines are parallel, the factors do not depend on each other."
    yield Section("interaction", "Each combination", note, columns, cells, figures.interaction(results, story))


def _quantiles(metric: MetricResult, names: Mapping[str, str]) -> Section | None:
    shares = sorted({share for one in metric.arms for share in one.quantiles})
    if not shares:
        return None
    rows = [
        (names.get(one.arm, one.arm), *(value_text(one.quantiles.get(share), metric.display) for share in shares))
        for one in metric.arms
    ]
    columns = ("Arm", *(f"{share:.0%}" for share in shares))
    note = "The value that this share of visitors stayed under, within 1 %."
    figure = figures.quantiles(metric, names)
    return Section(f"quantiles-{metric.key}", f"{metric.name}: quantiles", note, columns, rows, figure)


def trail(story: Story) -> Section:
    """Return the steps, and the proposals that led to none, the newest first."""
    lines = [
        *((one.at, f"{_words(one.action)}{', undone later' if one.is_undone else ''}", one.by, one.reason)
          for one in story.steps),
        *((one.decided_at or one.at, f"policy: {_proposal_words(one)}", one.by or "policy", one.reason)
          for one in story.proposals if one.state != "applied"),
    ]  # fmt: skip
    rows = [(time_text(at), what, who, why) for at, what, who, why in sorted(lines, key=itemgetter(0), reverse=True)]
    note = "Each step is in the audit log, with the way back."
    return Section("trail", "What happened", note, TRAIL_COLUMNS, rows)


def _proposal_words(one: ProposedStep) -> str:
    return f"{_words(one.action)}{f' {one.arm}' if one.arm else ''}, {_words(one.state)}"


def _words(name: str) -> str:
    return name.replace("_", " ")
