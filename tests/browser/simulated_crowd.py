"""Simulated shoppers of an experiment: each gets an arm by assignment, sees its list, and reacts by planted effects.

What they do goes into the log as a storefront and serving write it, so recorder and counter do the rest. Over HTTP the
same shoppers would take a minute; `bench/simulated_experiments.py` sends them that way.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from typing import Any, Final

import numpy as np

from common import clock
from common.ids import uuid7
from common.pseudonyms import pseudonym
from demo.filling import send_items
from demo.simulation.catalog import make_products
from demo.simulation.effects import PINNED, Effects
from demo.simulation.shoppers import make_shoppers
from demo.simulation.visits import VisitItems, Visitor, react
from events.activity import lag
from events.services.server_events import ServerEvent, append_server_events
from experiments.arms import Assignment, assign, subject_of
from experiments.selectors.counting import is_behind
from experiments.selectors.designs import design
from personalization.serving.exposures import NAME as EXPOSURE
from tests.browser.waiting import until

PLACEMENT: Final = "home"
SIZE: Final = 10


class SimulatedCrowd:
    """New shoppers at the home page. An arm changes its strategy, or switches its only rule, a pin, off."""

    def __init__(self, effects: Effects, *, seed: int = 1) -> None:
        self.effects, self.rng = effects, np.random.default_rng(seed)
        self.lines = [self._line(place, one.data) for place, one in enumerate(make_products(seed=7)[:SIZE], 1)]
        self.model = replace(make_shoppers(1, seed=seed)[0], consent="yes", registers=True)
        self.numbers = count(1)

    def visit(self, key: str, *, n: int) -> None:
        """Let `n` shoppers who take part in the experiment come; return when all they did is counted."""
        visits = list(islice(self._participants(key), n))
        at_us = clock.epoch_us()
        items, exposures, reactions = [], [], []
        for visitor, assignment in visits:
            answer = self._answer(assignment)
            name = answer["recommendation_id"]
            page, reaction = VisitItems(visitor, f"{name}-page", at_us), VisitItems(visitor, name, at_us + 2_000)
            page.page()
            chances = self.effects.click_chances(answer, {})
            reaction.answer(answer, react(answer, chances, self.effects, self.rng))
            items += page.items
            reactions += reaction.items
            exposures.append(_exposure(visitor, assignment, answer, at_us=at_us + 1_000))
        send_items(items, source="simulated")  # the consent first, as a page that waits for the banner
        append_server_events(exposures)
        send_items(reactions, source="simulated")
        until(lambda: lag() == 0 and not is_behind())

    def _participants(self, key: str) -> Iterator[tuple[Visitor, Assignment]]:
        experiment = design(key)
        for number in self.numbers:
            shopper = replace(self.model, user_id=f"visitor-{number}", devices=(f"visiting-device-{number}",))
            assignment = assign(experiment, subject_of(pseudonym(shopper.user_id), pseudonym(shopper.devices[0])))
            if assignment.participates:
                yield Visitor(shopper, shopper.devices[0]), assignment

    def _answer(self, assignment: Assignment) -> dict[str, Any]:
        """Return what serving would answer in this arm."""
        payload = assignment.payload or {}
        has_pin = assignment.design.payload_kind == "rules" and "off" not in payload
        reason = {"code": PINNED if has_pin else "popular"}
        items = [{**line, "reason": reason if line["position"] == 1 else {"code": "popular"}} for line in self.lines]
        strategy = payload.get("strategy", "hybrid")
        return {"recommendation_id": str(uuid7()), "strategy": strategy, "personalized": True, "items": items}

    def _line(self, place: int, data: dict[str, Any]) -> dict[str, Any]:
        fields = {name: data[name] for name in ("title", "price", "currency")}
        return {"product_id": make_products(seed=7)[place - 1].product_id, "position": place, **fields}


def _exposure(visitor: Visitor, assignment: Assignment, answer: dict[str, Any], *, at_us: int) -> ServerEvent:
    arm = {"key": assignment.design.key, "variation": assignment.arm_key, "epoch": assignment.design.epoch}
    products = [{name: one[name] for name in ("product_id", "position")} for one in answer["items"]]
    own = {name: answer[name] for name in ("recommendation_id", "strategy", "personalized")}
    return ServerEvent(
        message_id=f"{answer['recommendation_id']}-served",
        name=EXPOSURE,
        at=at_us,
        user_id=pseudonym(visitor.shopper.user_id),
        anonymous_id=pseudonym(visitor.device),
        properties={**own, "placement": PLACEMENT, "products": products, "experiments": [arm], "context": []},
    )
