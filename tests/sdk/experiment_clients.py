"""One experiment with all that decides about an arm, shoppers with odd ids, and what each client makes of them."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.arms import assign, subject_of
from experiments.selectors.live import latest_experiments
from experiments.services.designs import create_experiment, create_namespace
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import start

FLAG = "home-ranker"
MO = "staff:mo"
PAYLOADS = {"control": {"layout": "grid"}, "warm": {"layout": "list"}, "cold": {"layout": "rail"}}
ARMS = [
    {"key": key, "name": key.title(), "weight": weight, "payload": PAYLOADS[key]}
    for key, weight in (("control", 0.2), ("warm", 0.3), ("cold", 0.5))
]
AGREED = {"consent": {"experiments": True}}
Arm = tuple[str | None, Any]
"""The arm of who takes part, None of all others; and the value of the flag."""


def start_experiment(**data: Any) -> str:
    """Start three arms of unequal weights in a namespace, with a coverage of .7, beside a hold-out of a twentieth."""
    create_namespace("checkout", name="Checkout", actor=MO)
    start_holdout(share=0.05, actor=MO)
    design = {"arms": ARMS, "coverage": 0.7, "namespace": "checkout", "namespace_low": 500, "namespace_high": 9000}
    create_experiment(FLAG, data={**design, **data}, actor=MO)
    start(FLAG, actor=MO)
    return FLAG


def shoppers(n: int) -> list[dict[str, Any]]:
    """Return attributes of n shoppers: emoji, digits, long ids and ids that look empty among them."""
    odd = ["0", " ", "null", "false", "undefined", "😀", "日本", "ü", "\u200b", "a" * 500, "1e3", "-1", "None", "[]"]
    kinds = ("{}", "user-{}", "😀{}", "é{}日本", "x" * 200 + "{}", " {} ", "👩‍👩‍👧{}")
    ids = [*odd, *(kinds[number % len(kinds)].format(number) for number in range(n - len(odd)))]
    return [{"id": one, "anonymous_id": f"device-{number}", **AGREED} for number, one in enumerate(ids)]


def our_arms(people: Sequence[dict[str, Any]]) -> list[Arm]:
    """Return the arms of our own API."""
    live = latest_experiments()
    design = live.by_key[FLAG]
    result: list[Arm] = []
    for one in people:
        assignment = assign(design, subject_of(one["id"], one["anonymous_id"]), live)
        result.append((assignment.arm_key if assignment.participates else None, assignment.payload))
    return result


def node_arms(script: str, people: Sequence[dict[str, Any]], *, folder: Path, host: str, key: str) -> list[Arm]:
    """Return the arms that a Node script gets."""
    sources, results = folder / f"{script}.shoppers.json", folder / f"{script}.arms.json"
    sources.write_text(json.dumps(list(people)))
    names = {"HOST": host, "KEY": key, "FLAG": FLAG, "SHOPPERS": str(sources), "ARMS": str(results)}
    done = subprocess.run(
        ["node", f"{script}.mjs"],
        cwd=folder,
        env={**os.environ, **names},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(pair) for pair in json.loads(results.read_text())]
