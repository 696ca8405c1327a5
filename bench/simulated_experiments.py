"""Simulated shoppers in two experiments: the planted effects beside the results, also after a recount."""

import argparse
import json
import re
import sys
from typing import Any, Final
from urllib.request import Request, urlopen

from bench._results import write_results
from bench._stage import Stage
from bench.simulated_lift import QUICK_SHOPPERS, installation
from common.demo_keys import SECRET_KEY

GOAL: Final = "click_through_rate"
QUICK: Final[dict[str, Any]] = {
    "shoppers": QUICK_SHOPPERS,
    "visits": 900.0,
    "minutes": 0.25,
    "clicks": 0.5,
    "lift": 1.0,
    "pin_cost": 0.7,
}


def main() -> None:
    """Run and print; exit with 1 where the results are not those of the shoppers, or miss the plant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shoppers", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--visits", type=float, default=1_200, help="visits in a minute")
    parser.add_argument("--clicks", type=float, default=0.5, help="planted clicks for each answer")
    parser.add_argument("--lift", type=float, default=0.6, help="planted lift of the hybrid")
    parser.add_argument("--pin-cost", type=float, default=0.4, help="planted share of clicks that the pin costs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="few shoppers, strong effects: correctness alone")
    options = vars(parser.parse_args())
    is_quick = options.pop("quick")
    options |= QUICK if is_quick else {}
    with installation(shoppers=options["shoppers"]) as it:
        figures = measure(it, **options)
    print("\n".join(lines(figures)))
    if not is_quick:
        write_results("simulated_experiments", figures)
    if failures := faults(figures):
        sys.exit("\n".join(failures))


def measure(it: Stage, *, shoppers: int, clicks: float, lift: float, pin_cost: float, **options: Any) -> dict[str, Any]:
    """Run the shoppers; return their `run`, and the results `before` and `after` a recount, by experiment."""
    effects = {"clicks": clicks, "lift": lift, "pin_cost": pin_cost}
    arguments = {**options, "shoppers": shoppers, "effects": effects}
    code = (
        f"import json; from bench._planted_experiments import run; print(json.dumps(run({it.url!r}, **{arguments!r})))"
    )
    run = json.loads(it.manage("shell", "--no-imports", "-c", code).splitlines()[-1])
    lost = exposures_lost(it)
    before = {key: results(it, key) for key in run["tallies"]}
    print(it.manage("recount_experiments").strip())
    after = {key: results(it, key) for key in run["tallies"]}
    return {**options, "shoppers": shoppers, **effects, "run": run, "lost": lost, "before": before, "after": after}


def results(it: Stage, key: str) -> dict[str, Any]:
    """Return the results of an experiment as the API answers."""
    request = Request(f"{it.url}/api/v1/experiments/{key}/results", headers={"Authorization": f"Bearer {SECRET_KEY}"})
    with urlopen(request, timeout=30) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


def exposures_lost(it: Stage) -> int:
    """Return how many exposures the web process could not write, as its gauge says."""
    with urlopen(f"{it.url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return int(sum(map(float, re.findall(r'^vitrine_exposures_total{outcome="lost"} (.+)$', text, re.MULTILINE))))


def goal_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the arms of the goal by their key."""
    metric = next(one for one in document["metrics"] if one["key"] == GOAL)
    return {one["variation"]: one for one in metric["arms"]}


def expected_effect(tallies: dict[str, Any]) -> float:
    """Return the relative effect that the plant makes of the answers served; some hybrid ones are not personalized."""
    rates = {arm: tally["expected"] / tally["answers"] for arm, tally in tallies.items()}
    effect: float = rates["with"] / rates["without"] - 1
    return effect


def holds(figures: dict[str, Any], key: str) -> bool:
    """Return whether the interval of the goal's relative effect holds what was expected."""
    low, high = goal_of(figures["before"][key])["with"]["relative_ci"]
    return low is not None and high is not None and low <= expected_effect(figures["run"]["tallies"][key]) <= high


def planted(figures: dict[str, Any]) -> dict[str, float]:
    """Return the planted relative effect of each experiment."""
    return dict(zip(figures["run"]["tallies"], (figures["lift"], -figures["pin_cost"]), strict=True))


def lines(figures: dict[str, Any]) -> list[str]:
    """Return the figures in words."""
    run = figures["run"]
    text = [
        f"{run['visits']:,} visits in {run['seconds']:.0f} s; {run['failed']} failed, {run['too_late']} were too late, "
        f"requests sent again: {run['repeated'] or 'none'}; exposures lost: {figures['lost']}, "
        f"without ids: {run['without_ids']}"
    ]
    for key, effect in planted(figures).items():
        document, tallies = figures["before"][key], run["tallies"][key]
        arm = goal_of(document)["with"]
        units = ", ".join(f"{name} {tally['units']:,}" for name, tally in sorted(tallies.items()))
        low, high = arm["relative_ci"]
        text += [
            f"{key}: planted {effect:+.1%} ({expected_effect(tallies):+.1%} by the answers served), "
            f"estimate {arm['relative']:+.1%} [{low:+.1%}, {high:+.1%}], p = {arm['p']:.2g}",
            f"  interval holds the plant: {'yes' if holds(figures, key) else 'no'}; significant: "
            f"{'yes' if arm['significant'] else 'no'}; shoppers: {units}; counted: {document['units']}",
            f"  shares p = {document['srm']['p']:.2g}, {document['srm']['verdict'].replace('_', ' ')}; "
            f"{document['sentence']} {document['policy']['sentence']}",
        ]
    return text


def faults(figures: dict[str, Any]) -> list[str]:
    """Return in words what is not as planted. Exposures that a busy log refused are lost, and counted as such."""
    run = figures["run"]
    failures = [f"{run['failed']} visits failed: {run['error']}"] if run["failed"] else []
    for key, tallies in run["tallies"].items():
        before, after = figures["before"][key], figures["after"][key]
        if set(tallies) != {"with", "without"}:
            failures.append(f"{key}: shoppers saw the arms {sorted(tallies)}")
            continue
        if [before[name] for name in ("units", "metrics", "srm")] != [
            after[name] for name in ("units", "metrics", "srm")
        ]:
            failures.append(f"{key}: the recount finds other numbers")
        for arm, tally in tallies.items():
            counted = goal_of(before)[arm]
            if not 0 <= tally["units"] - before["units"][arm] <= figures["lost"]:
                failures.append(f"{key}: {tally['units']} shoppers saw {arm}, {before['units'][arm]} are counted")
            if not figures["lost"] and abs(counted["value"] - tally["clicks"] / tally["answers"]) > 1e-9:
                failures.append(f"{key}: {arm} got {tally['clicks']} clicks, results say {counted['value']} an answer")
        if before["srm"]["verdict"] != "as_planned":
            failures.append(f"{key}: the arms do not have the planned shares")
        if not holds(figures, key):
            failures.append(f"{key}: the interval does not hold the plant")
    return failures


if __name__ == "__main__":
    main()
