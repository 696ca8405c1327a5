"""A draft rule over real requests of yesterday: each is answered now, without and with the draft."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from events.served_requests import ServedRequest
from personalization.selectors.rules import sentence_of
from personalization.services.rules import draft_version
from personalization.serving.answers import Item
from personalization.serving.engine import answer
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.past_requests import SECONDS, ask_of, requests_of_yesterday
from personalization.trials.trial import Baseline, baseline, draft_of

N_REQUESTS: Final = 300
FEWEST: Final = 50
"""With fewer requests the page says that they are too few to judge by."""
MOST_SHARE: Final = 0.5
"""The share of all places above which the products of a draft crowd out the others."""


@dataclass
class PlacementReplay:
    """What the draft changes on one placement. `n_short` lists are shorter than before; the shortest has `shortest`.

    `n_new` and `n_gone` count products that come in and drop out, and `moves` the others by how many places down.
    """

    placement: str
    n_requests: int = 0
    n_lists: int = 0
    n_places: int = 0
    n_new: int = 0
    n_gone: int = 0
    moves: Counter[int] = field(default_factory=Counter)
    n_short: int = 0
    shortest: int | None = None

    @property
    def in_words(self) -> str:
        """What a changed list looks like: `1 product new, 1 drops out, 8 move down 1`; "" where none changes."""
        if not self.n_lists:
            return ""
        new, dropped, moved = (n / self.n_lists for n in (self.n_new, self.n_gone, self.moves.total()))
        parts = [f"{_mean(new)} product{'' if new == 1 else 's'} new"] if new else []
        parts += [f"{_mean(dropped)} drop{'s' if dropped == 1 else ''} out"] if dropped else []
        if moved:
            by = next(iter(self.moves)) if len(self.moves) == 1 else 0
            way = f"move {'down' if by > 0 else 'up'} {abs(by)}" if by else "change places"
            parts.append(f"{_mean(moved)} other{'' if moved == 1 else 's'} {way}")
        return ", ".join(parts)


def _mean(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


@dataclass
class RuleReplay:
    """What a draft changes in the requests of a time. Shares are of all places, 0 to 1."""

    sentence: str
    since: datetime
    before: datetime
    n_sampled: int
    against: Baseline = "without"
    placements: dict[str, PlacementReplay] = field(default_factory=dict)
    share_now: float = 0.0
    share_with_draft: float = 0.0
    conflicts: tuple[str, ...] = ()

    @property
    def total(self) -> PlacementReplay:
        """All placements together."""
        result = PlacementReplay("")
        for one in self.placements.values():
            for name in ("n_requests", "n_lists", "n_places", "n_new", "n_gone", "moves", "n_short"):
                setattr(result, name, getattr(result, name) + getattr(one, name))
        return result

    @property
    def is_too_few(self) -> bool:
        """Whether the requests are too few to judge by."""
        return self.total.n_requests < FEWEST

    @property
    def crowds_out(self) -> bool:
        """Whether the draft's products get most places, and did not before."""
        return self.share_with_draft > MOST_SHARE >= self.share_now


def replay_rule(wording: Mapping[str, Any], *, name: str = "", instead_of: int | None = None) -> RuleReplay:
    """Answer a sample of yesterday's requests without and with a draft, `instead_of` the saved rule of that id.

    As in a check, an unchanged rule is compared with the shop without it.

    Shoppers, products and model are those of now. Where nobody asked yesterday, the requests are of the last 24 hours.
    Raises InvalidInput, which names the field; Unavailable before the catalog is loaded.
    """
    against, snapshot = baseline(snapshot_refresher.current(), wording, instead_of=instead_of)
    draft = draft_of(snapshot, wording, name=name or "this rule", instead_of=instead_of)
    since, before, requests = requests_of_yesterday(draft.rule.placements, limit=N_REQUESTS)
    sentence = sentence_of(draft_version(wording=wording))
    result = RuleReplay(sentence, since, before, len(requests), against=against, conflicts=draft.conflicts)
    matched = draft.snapshot.rules.matched[draft.rule.id]
    codes, places, end = snapshot.serving_catalog.codes, Counter[str](), time.monotonic() + SECONDS
    for request in requests:
        if time.monotonic() > end:
            break
        if request.placement not in snapshot.placements:
            continue
        ask = ask_of(request, snapshot)
        now, then = answer(snapshot, ask).items, answer(draft.snapshot, ask).items
        _note(result, request, now, then)
        places["now"] += sum(bool(matched[codes[item.product_id]]) for item in now)
        places["then"] += sum(bool(matched[codes[item.product_id]]) for item in then)
        places["of"] += max(len(now), len(then))
    if places["of"]:
        result.share_now, result.share_with_draft = (places[one] / places["of"] for one in ("now", "then"))
    return result


def _note(result: RuleReplay, request: ServedRequest, now: Sequence[Item], then: Sequence[Item]) -> None:
    one = result.placements.setdefault(request.placement, PlacementReplay(request.placement))
    before, after = ([item.product_id for item in items] for items in (now, then))
    places = {product_id: place for place, product_id in enumerate(before)}
    moves = [place - places[product_id] for place, product_id in enumerate(after) if product_id in places]
    one.n_requests += 1
    one.n_places += max(len(before), len(after))
    one.n_new += len(after) - len(moves)
    one.n_gone += len(before) - len(moves)
    one.moves.update(by for by in moves if by)
    one.n_lists += before != after
    if len(after) < len(before):
        one.n_short += 1
        one.shortest = len(after) if one.shortest is None else min(one.shortest, len(after))
