"""Automatic policies on simulated experiments: what ships without an effect, with harm, with a losing arm.

    make bench-experiment-policies ARGS="--runs 20000"

Four worlds (normal values, 1 % conversion, zero-inflated lognormal revenue, a ratio), two looks a day for 25 days. The
policy decides at every look and is obeyed at once, ramps included. A guardrail is drawn beside the goal. Writes
`bench/results/experiment_policies.json`.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from bench._experiment_worlds import WORLDS, Floats, Runs, World, simulate
from bench._results import write_results
from bench.experiment_simulations import Figure, line
from experiments.policy import Decision, Limits, PolicyState, Ramp, decide
from experiments.ramp import Traffic
from experiments.results import (
    ArmComparison,
    ArmUnits,
    ArmValue,
    Effect,
    ExperimentResults,
    GuardrailState,
    Health,
    MetricResult,
    Progress,
)
from experiments.stats.power import AnalysisPlan, InferenceKind, minimum_effect, planned_boundaries, planned_futility
from experiments.stats.sequential import always_valid_bound, one_sided_bound

LOOKS, LOOKS_A_DAY, ALPHA = 50, 2, 0.05
START = datetime(2026, 3, 2, tzinfo=UTC)
TRAFFIC = Traffic(0.2, {"control": 0.5, "treatment": 0.5})
"""One in ten shoppers has the treatment: three stages of a ramp lie above."""
LIMITS = Limits(minimum_units=100)
PLANS = {kind: AnalysisPlan(kind, ALPHA, 0.8, LOOKS) for kind in InferenceKind}


@dataclass(frozen=True)
class Draws:
    """The goal and the guardrail of many runs, with the bounds of their looks in standard errors, float[looks]."""

    world: World
    inference: InferenceKind
    goal: Runs
    guardrail: Runs
    two_sided: Floats
    one_sided: Floats


@dataclass(frozen=True)
class End:
    """How a run ended: the last action and its day; "none" where the policy was still waiting."""

    action: str
    day: float


def main() -> int:
    """Print every figure beside its bar; exit 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures = []
    for world in WORLDS:
        for figure in figures_of(world, np.random.default_rng(options.seed), options.runs):
            figures.append(figure)
            print(line(figure), flush=True)
    write_results("experiment_policies", {f.name: asdict(f) | {"is_met": f.is_met} for f in figures})
    return int(not all(figure.is_met for figure in figures))


def figures_of(world: World, rng: np.random.Generator, runs: int) -> Iterator[Figure]:
    """Yield what the policy does in one world."""
    for inference in InferenceKind:
        ends = ends_of(world, rng, runs, inference, goal=0.0, guardrail=0.0)
        yield Figure(f"{world.name}, no effect, {inference.value}: ships", _share(ends, "ship"), high=0.05)
        yield Figure(f"{world.name}, no effect, {inference.value}: rolls back", _share(ends, "roll_back"), high=0.05)
        yield Figure(f"{world.name}, no effect, {inference.value}: mean day of the end", _mean_day(ends))
    lift, margin = planned_lift(world), margin_of(world)
    ends = ends_of(world, rng, runs, InferenceKind.ALWAYS_VALID, goal=2 * lift, guardrail=0.0)
    yield Figure(f"{world.name}, twice the planned effect: ships", _share(ends, "ship"), low=0.7)
    yield Figure(f"{world.name}, twice the planned effect: mean day of the end", _mean_day(ends))
    ends = ends_of(world, rng, runs, InferenceKind.ALWAYS_VALID, goal=-lift, guardrail=0.0)
    yield Figure(f"{world.name}, losing arm: ships", _share(ends, "ship"), high=0.005)
    ends = ends_of(world, rng, runs, InferenceKind.ALWAYS_VALID, goal=2 * lift, guardrail=-margin)
    yield Figure(f"{world.name}, harm as large as the margin: rolls back", _share(ends, "roll_back"), high=0.05)
    yield Figure(f"{world.name}, harm as large as the margin: ships", _share(ends, "ship"), high=0.05)
    ends = ends_of(world, rng, runs, InferenceKind.ALWAYS_VALID, goal=lift, guardrail=-margin - 3 * lift)
    yield Figure(f"{world.name}, harm beyond the margin: rolls back", _share(ends, "roll_back"), low=0.95)
    yield Figure(f"{world.name}, harm beyond the margin: ships", _share(ends, "ship"), high=0.01)
    yield Figure(f"{world.name}, harm beyond the margin: mean day of the end", _mean_day(ends))


def planned_lift(world: World) -> float:
    """Return the relative effect that a fixed test of the world's size finds with 80 %."""
    return minimum_effect(world.variance(0.0), 2 * world.units, PLANS[InferenceKind.FIXED]) / world.base


@lru_cache
def margin_of(world: World) -> float:
    """Return the margin of the guardrail: twice the planned effect, which is what a test of this size can exclude."""
    return 2 * planned_lift(world)


def ends_of(
    world: World, rng: np.random.Generator, runs: int, inference: InferenceKind, *, goal: float, guardrail: float
) -> list[End]:
    """Return the ends of many runs, drawn in parts that fit into memory."""
    ends: list[End] = []
    for part in world.chunks(runs):
        goals, guardrails = (simulate(world, rng, runs=part, looks=LOOKS, lift=one) for one in (goal, guardrail))
        draws = Draws(
            world,
            inference,
            goals,
            guardrails,
            _two_sided(inference, goals.n),
            one_sided_bound(goals.n, alpha=ALPHA, n_star=float(goals.n[-1])),
        )
        ends += [_end(draws, run) for run in range(part)]
    return ends


def _two_sided(inference: InferenceKind, n: Floats) -> Floats:
    if inference is InferenceKind.ALWAYS_VALID:
        return always_valid_bound(n, alpha=ALPHA, n_star=float(n[-1]))
    if inference is InferenceKind.FIXED:
        return np.full(len(n), 1.959964)
    return np.array(planned_boundaries(PLANS[inference]).upper)


def _end(draws: Draws, run: int) -> End:
    """Let the policy decide at each look of a run, and obey it."""
    state, has_finding = PolicyState(START, TRAFFIC, LIMITS, n_star=float(draws.goal.n[-1])), False
    for look in range(LOOKS):
        results = _results(draws, run, look, has_finding=has_finding)
        goal = results.goal
        has_finding = goal is not None and goal.comparisons[0].is_significant
        state = replace(state, now=results.at, has_final_look=look == LOOKS - 1)
        decision = decide(results, state)
        if decision is None:
            continue
        if decision.action != "ramp":
            return End(decision.action, results.progress.days)
        state = _ramped(state, decision)
    return _last_stages(draws, run, state, has_finding=has_finding)


def _last_stages(draws: Draws, run: int, state: PolicyState, *, has_finding: bool) -> End:
    """Return the end of a run whose ramp outlives the plan: the numbers stay as they are."""
    for day in range(1, 8):
        results = _results(draws, run, LOOKS - 1, has_finding=has_finding, later=day)
        decision = decide(results, replace(state, now=results.at))
        if decision is not None and decision.action != "ramp":
            return End(decision.action, results.progress.days)
        state = state if decision is None else _ramped(replace(state, now=results.at), decision)
    return End("none", LOOKS / LOOKS_A_DAY)


def _ramped(state: PolicyState, decision: Decision) -> PolicyState:
    coverage = (decision.share or 0.0) / state.traffic.weights[decision.arm]
    return replace(state, traffic=Traffic(coverage, state.traffic.weights), ramp=Ramp(decision.arm, state.now))


def _results(draws: Draws, run: int, look: int, *, has_finding: bool, later: int = 0) -> ExperimentResults:
    """Return the results at a look; what a planned look concluded, stands."""
    effect, error = float(draws.goal.effect[run, look]), float(draws.goal.error[run, look])
    days, time = (look + 1) / LOOKS_A_DAY + later, (look + 1) / LOOKS
    at, units = START + timedelta(days=days), int(draws.goal.n[look]) // 2
    reach = float(draws.two_sided[look]) * error
    is_read = draws.inference is not InferenceKind.FIXED or look == LOOKS - 1
    is_significant = (is_read and abs(effect) > reach > 0) or (
        has_finding and draws.inference is not InferenceKind.ALWAYS_VALID
    )
    z = effect / error if error > 0 else 0.0
    return ExperimentResults(
        key="simulated",
        name="Simulated",
        kind="comparison",
        status="running",
        inference=draws.inference.value,
        alpha=ALPHA,
        at=at,
        epoch=1,
        level="undecided",
        verdict="",
        arms=(ArmUnits("control", "Control", units, 0.5, 0.5), ArmUnits("treatment", "Treatment", units, 0.5, 0.5)),
        health=Health(1.0, False, 0.0, False, False, at),
        progress=Progress(
            days,
            None,
            7,
            LOOKS // LOOKS_A_DAY,
            draws.world.units,
            time,
            None,
            None,
            _is_futile(draws.inference, z, time),
        ),
        metrics=(
            _metric("goal", draws.world, units, _comparison(effect, reach, is_significant=is_significant)),
            _metric("guardrail", draws.world, units, _watched(draws, run, look)),
        ),
    )


def _is_futile(inference: InferenceKind, z: float, time: float) -> bool:
    return time < 1 and planned_futility(PLANS[inference]).is_futile(z, time)


def _comparison(effect: float, reach: float, *, is_significant: bool) -> ArmComparison:
    interval = Effect(effect, effect - reach, effect + reach)
    p_value = 0.0 if is_significant else 1.0
    return ArmComparison("treatment", interval, interval, p_value, p_value, is_significant, effect > 0)


def _watched(draws: Draws, run: int, look: int) -> ArmComparison:
    effect, error = float(draws.guardrail.effect[run, look]), float(draws.guardrail.error[run, look])
    reach, margin = float(draws.one_sided[look]) * error, margin_of(draws.world) * draws.world.base
    low, high = effect - reach, effect + reach
    state = GuardrailState(
        margin, low, high, is_breached=error > 0 and high < -margin, holds=error > 0 and low > -margin
    )
    return replace(_comparison(effect, reach, is_significant=False), guardrail=state)


def _metric(role: str, world: World, units: int, one: ArmComparison) -> MetricResult:
    arms = (
        ArmValue("control", units, world.base),
        ArmValue("treatment", units, world.base + (one.absolute.value or 0)),
    )
    return MetricResult(role, role, role, "number", True, arms, (one,))  # type: ignore[arg-type]  # one of two roles


def _share(ends: list[End], action: str) -> float:
    return Counter(end.action for end in ends)[action] / len(ends)


def _mean_day(ends: list[End]) -> float:
    return float(np.mean([end.day for end in ends]))


if __name__ == "__main__":
    sys.exit(main())
