"""The experiment that the demo starts with: the hybrid against popular products on the home page, three weeks old.

Each visit of the history since its start got the arm that assignment gives. Its list is recorded as served, and what
the shopper did with it follows the planted effects.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from common.errors import NotFound
from common.pseudonyms import pseudonym, pseudonym_or_none, subject_pseudonym
from consents.subjects import raw_ids
from customers.shop_ids import newly_sealed
from demo.filling import batches, patiently, send_items
from demo.setup import ACTOR
from demo.simulation.behavior import Act
from demo.simulation.home_visits import HYBRID, POPULAR, HomeList, HomeVisits
from demo.simulation.visits import Item, Visitor
from events.services.server_events import ServerEvent, append_server_events
from experiments.arms import Assignment, StickyArm, assign, subject_of
from experiments.design import Design
from experiments.selectors.designs import design
from experiments.selectors.sticky import merged
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from experiments.services.sticky import Note
from experiments.services.sticky import write as write_arms
from personalization.selectors.placements import active_placements
from personalization.serving.exposures import NAME as EXPOSURE

KEY: Final = "home-hybrid"
PLACEMENT: Final = "home"
AGE: Final = timedelta(days=21)
VISITS_AT_ONCE: Final = 400
DESIGN: Final[dict[str, Any]] = {
    "name": "Home page: hybrid or popular products",
    "hypothesis": (
        "Shoppers click more on the home page if its products are chosen for them, "
        "because they find their style there and not what everybody buys."
    ),
    "payload_kind": "strategy",
    "arms": [
        {
            "key": strategy,
            "name": name,
            "weight": 0.5,
            "payload": {"placement": PLACEMENT, "strategy": strategy},
        }
        for strategy, name in ((POPULAR, "Popular products"), (HYBRID, "Hybrid"))
    ],
    "goal_metric": "click_through_rate",
    "secondary_metrics": ["conversion_rate"],
    "guardrail_metrics": [{"metric": "revenue_per_visitor", "margin": 0.1}],
    "inference": "always_valid",
    "minimum_effect": 0.15,
    "planned_units": 1_000,
    "minimum_runtime_days": 7,
    "maximum_runtime_days": 28,
    "policy_mode": "recommend",
}


def start_experiment(*, now: datetime, example_shopper: str) -> None:
    """Create and start the experiment where it is missing. It began `AGE` before `now`.

    `example_shopper` always sees the hybrid and is not counted: the demo's example request must be personalized.
    """
    try:
        status = design(KEY).status
    except NotFound:
        data = {**DESIGN, "test_units": {subject_pseudonym(f"user:{example_shopper}"): HYBRID}}
        create_experiment(KEY, data=data, actor=ACTOR)
        status = "draft"
    if status == "draft":
        start(KEY, actor=ACTOR, reason=f"Its first {AGE.days} days are simulated.", began_at=now - AGE)


def n_visits(visits: HomeVisits) -> int:
    """Return the number of visits since the start of the experiment."""
    return sum(1 for _ in visits.since(visits.end - AGE))


def send_history(visits: HomeVisits, progress: Callable[[int], None]) -> None:
    """Send what the visits since the start of the experiment saw and did. Sent again, it is the same."""
    history = History(design(KEY), visits, size=active_placements()[PLACEMENT].size)
    for acts in batches(visits.since(visits.end - AGE), VISITS_AT_ONCE):
        history.send(acts)
        progress(len(acts))


class History:
    """Gives each visit its arm, and keeps it as a serving process does."""

    def __init__(self, experiment: Design, visits: HomeVisits, *, size: int) -> None:
        self.design, self.visits, self.size = experiment, visits, size
        self.arms: dict[str, dict[str, StickyArm]] = {}

    def send(self, acts: Sequence[tuple[int, Act]]) -> None:
        """Send the events of visits in time order; return when the log holds them."""
        events: list[ServerEvent] = []
        items: list[Item] = []
        notes: list[Note] = []
        for number, act in acts:
            visitor = self.visits.visitor(act)
            assignment = self.arm_of(visitor)
            if not assignment.participates:
                continue
            notes += self._keep(visitor, assignment)
            home_list = self.visits.list_for(number, act, assignment.arm_key, size=self.size)
            events.append(_event(home_list, visitor, assignment))
            items += home_list.items
        patiently(lambda: append_server_events(events))
        for some in batches(items, VISITS_AT_ONCE):
            send_items(some, source="demo:simulated")
        write_arms(notes)

    def arm_of(self, visitor: Visitor) -> Assignment:
        """Return the arm of a visitor, that of an earlier visit first."""
        ids = _raw_ids(visitor)
        sticky = merged({raw_id: self.arms.get(raw_id, {}) for raw_id in ids})
        subject = subject_of(visitor.ids.get("user_id"), visitor.device, sticky=sticky)
        return assign(self.design, replace(subject, raw_ids=tuple(ids)))

    def _keep(self, visitor: Visitor, assignment: Assignment) -> Iterator[Note]:
        for raw_id in _raw_ids(visitor):
            if raw_id not in self.arms:
                self.arms[raw_id] = {KEY: StickyArm(self.design.epoch, assignment.arm_key)}
                yield Note(KEY, self.design.epoch, assignment.arm_key, raw_id)


def _raw_ids(visitor: Visitor) -> list[str]:
    return list(map(subject_pseudonym, raw_ids(visitor.ids.get("user_id"), visitor.device)))


def _event(home_list: HomeList, visitor: Visitor, assignment: Assignment) -> ServerEvent:
    answer = home_list.answer
    lines = [
        {**{name: item[name] for name in ("product_id", "position")}, "reason": item["reason"]["code"]}
        for item in answer["items"]
    ]
    return ServerEvent(
        message_id=f"{home_list.message_id}-served",
        name=EXPOSURE,
        at=home_list.at,
        user_id=pseudonym_or_none(visitor.ids.get("user_id")),
        anonymous_id=pseudonym(visitor.device),
        sealed_ids=newly_sealed([visitor.ids.get("user_id"), visitor.device]),
        properties={
            "recommendation_id": answer["recommendation_id"],
            "placement": PLACEMENT,
            "strategy": answer["strategy"],
            "model_version": None,
            "personalized": answer["personalized"],
            "degraded": None,
            "rules": [],
            "products": lines,
            "experiments": [{"key": KEY, "variation": assignment.arm_key, "epoch": assignment.design.epoch}],
            "context": [],
        },
    )
