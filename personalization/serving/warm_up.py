"""Answers that nobody asked for: they load a model's arrays and compiled code before a shopper waits for them."""

import logging
from typing import Final

from common import clock
from common.errors import DomainError
from events.types.base import Interaction, Signal
from personalization.selectors.placements import STRATEGIES
from personalization.serving.asking import Ask
from personalization.serving.engine import prepare_answer
from personalization.serving.shoppers import nobody, shopper_of_person
from personalization.serving.snapshot import Snapshot
from profiles.selectors import Person

HISTORY: Final[tuple[Signal, ...]] = ("purchase", "view", "cart", "view")
"""What the invented shopper did, the latest last, with the most popular products."""
MINUTE: Final = 60_000_000
log = logging.getLogger(__name__)


def warm_up(snapshot: Snapshot) -> int:
    """Compute an answer of each strategy for an invented shopper, and of each placement; return how many there were.

    Nothing of it is shown, counted or remembered. A strategy that cannot answer is left out: it says so when asked.
    """
    now, ids = clock.now().timestamp(), snapshot.serving_catalog.columns.product_ids
    product_ids = tuple(ids[code] for code in snapshot.popular[: len(HISTORY)].tolist())
    history = tuple(
        Interaction(
            message_id=f"warm-up-{age}",
            at=int(now * 1e6) - (len(product_ids) - age) * MINUTE,
            signal=signal,
            product_id=product_id,
        )
        for age, (signal, product_id) in enumerate(zip(HISTORY, product_ids, strict=False))
    )
    shopper = shopper_of_person(Person(history=history), snapshot=snapshot, now=now) or nobody(now, "no_profile")
    asks = [Ask(placement=key, product_ids=product_ids[:1], explores=False) for key in snapshot.placements]
    if asks:
        asks += [
            Ask(placement=asks[0].placement, product_ids=product_ids[:1], strategy=one, explores=False)
            for one in STRATEGIES
        ]
    n_answered = 0
    for ask in asks:
        try:
            prepare_answer(snapshot, ask, shopper=shopper, now_us=int(now * 1e6))
            n_answered += 1
        except DomainError as error:
            log.info("warm_up.skipped placement=%s strategy=%s error=%s", ask.placement, ask.strategy, error)
    return n_answered
