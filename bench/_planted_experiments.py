"""Two experiments with planted effects, and simulated shoppers who visit them over HTTP and keep count by arm.

Both compare two arms on a placement of their own: the hybrid with popular products, and a rule's pin with its absence.
These functions run inside an installation, in a process with Django's settings.
"""

import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from common.demo_keys import SECRET_KEY
from demo import filling
from demo.setup import ACTOR
from demo.simulated_runs import FILL, unwanted_product
from demo.simulation.effects import Effects
from demo.simulator import Simulator
from demo.storefront import Storefront
from events.models import Event
from experiments.selectors.counting import is_behind
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from experiments.services.looks import take_looks
from experiments.services.policies import apply_policies
from personalization.services.placements import save_placement
from personalization.services.rules import create_rule
from personalization.serving.exposures import NAME as EXPOSURE

HYBRID, PIN = "hybrid-or-popular", "pin-that-costs"
PLACES: Final = {HYBRID: "home", PIN: "home-with-pin"}
PLAN: Final[dict[str, Any]] = {
    "goal_metric": "click_through_rate", "guardrail_metrics": [{"metric": "conversion_rate", "margin": 0.2}],
    "inference": "always_valid", "alpha": 0.01, "planned_units": 500, "policy_mode": "automatic",
}  # fmt: skip
LIVE_WITHIN_S: Final = 3.0
"""Every worker knows a new placement, rule and experiment by then."""
PATIENCE_S: Final = 120.0


@dataclass(slots=True)
class ArmTally:
    """What shoppers of one arm saw and did; `expected` are the clicks that the plant expects of their answers."""

    units: set[str] = field(default_factory=set)
    answers: int = 0
    expected: float = 0.0
    clicks: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the numbers."""
        return {
            "units": len(self.units), "answers": self.answers, "expected": self.expected, "clicks": self.clicks
        }  # fmt: skip


class CountingStorefront(Storefront):
    """A storefront that counts by experiment and arm what it was answered, and the clicks that it sent."""

    def __init__(self, url: str, key: str, effects: Effects) -> None:
        super().__init__(url, key)
        self.effects = effects
        self.arms: dict[tuple[str, str], ArmTally] = {}
        self._lists: dict[str, list[ArmTally]] = {}
        self._count_lock = threading.Lock()

    def recommend(self, placement: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer of a placement. Raises RequestFailed."""
        answer = super().recommend(placement, fields)
        with self._count_lock:
            arms = [self.arms.setdefault((one["key"], one["variation"]), ArmTally()) for one in answer["experiments"]]
            for arm in arms:
                arm.units.add(fields.get("user_id") or fields["anonymous_id"])
                arm.answers += 1
                arm.expected += self.effects.expected_clicks(answer)
            self._lists[answer["recommendation_id"]] = arms
        return answer

    def send(self, body: Mapping[str, Any]) -> None:
        """Send a batch of events. Raises RequestFailed."""
        super().send(body)
        with self._count_lock:
            for item in body["batch"]:
                if item.get("event") == "Product Clicked":
                    for arm in self._lists[item["properties"]["list_id"]]:
                        arm.clicks += 1


def start_experiments() -> None:
    """Create the placement with the pin, and start both experiments. The control is the arm without the effect."""
    save_placement(
        PLACES[PIN], data={"name": "Home page with a pin", "strategy": "hybrid", "fallback": FILL}, actor=ACTOR
    )
    wording = {"effect": "pin", "position": 1, "placements": [PLACES[PIN]], "products": [unwanted_product()]}
    pin = create_rule(name="A pin that costs clicks", wording=wording, actor=ACTOR)
    payloads: dict[str, list[Any]] = {
        HYBRID: [{"placement": PLACES[HYBRID], "strategy": strategy} for strategy in ("popular", "hybrid")],
        PIN: [{"off": [pin.pk]}, None],
    }
    for key, kind in ((HYBRID, "strategy"), (PIN, "rules")):
        arms = [
            {"key": name, "weight": 0.5, "payload": payload}
            for name, payload in zip(("without", "with"), payloads[key], strict=True)
        ]
        create_experiment(key, data={**PLAN, "payload_kind": kind, "arms": arms}, actor=ACTOR)
        start(key, actor=ACTOR)


def run(
    url: str, *, shoppers: int, visits: float, minutes: float, seed: int, effects: Mapping[str, float]
) -> dict[str, Any]:
    """Start both experiments and send shoppers to them; return what they saw and did by arm, once all is counted."""
    start_experiments()
    plant = Effects(**effects)
    storefront = CountingStorefront(url, SECRET_KEY, plant)
    time.sleep(LIVE_WITHIN_S)
    with closing(storefront):
        simulator = Simulator(
            storefront, placements=tuple(PLACES.values()), shoppers=shoppers, seed=seed, effects=plant
        )
        outcome = simulator.run(per_minute=visits, minutes=minutes)
    settle()
    take_looks()
    apply_policies()
    tallies: dict[str, dict[str, Any]] = {key: {} for key in PLACES}
    for (key, arm), tally in storefront.arms.items():
        tallies[key][arm] = tally.as_json()
    requests = storefront.requests
    return {
        "tallies": tallies, "visits": outcome.visits, "failed": outcome.failed, "too_late": outcome.too_late,
        "error": outcome.error, "repeated": dict(requests.repeated),
        "without_ids": without_ids(), "seconds": outcome.seconds,
    }  # fmt: skip


def without_ids() -> int:
    """Return how many served answers name an experiment and, for want of consent, no shopper."""
    served = Event.objects.filter(name=EXPOSURE, properties__experiments__isnull=False)
    return served.filter(user_id=None, anonymous_id=None).count()


def settle() -> None:
    """Return when all that was sent is recorded and counted. Raises RuntimeError where a consumer stands still."""
    time.sleep(1)  # served answers are written with a short delay
    if not filling.patiently(lambda: filling.wait_until_recorded(lambda waiting: None, timeout_s=PATIENCE_S)):
        raise RuntimeError("the recorder does not move")
    deadline = time.monotonic() + PATIENCE_S
    while is_behind():
        if time.monotonic() > deadline:
            raise RuntimeError("the counter does not move")
        time.sleep(0.2)
