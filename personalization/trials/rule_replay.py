"""A draft rule over real requests of yesterday: each is answered now, without and with the draft."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings

from common import clock
from events.served_requests import ServedRequest, served_requests
from personalization.selectors.rules import sentence_of
from personalization.services.rules import draft_version
from personalization.serving.answers import Item
from personalization.serving.asking import Ask, Who
from personalization.serving.engine import answer
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.trial import Draft, draft_of, without_holdouts

N_REQUESTS: Final = 300
SECONDS: Final = 8.0
"""How long requests are answered again; the numbers say how many were reached."""
MOST_SHARE: Final = 0.5
"""The share of all places above which the products of a draft crowd out the others."""


@dataclass
class PlacementReplay:
    """What the draft changes on one placement. `n_short` lists are shorter than before; the shortest has `shortest`."""

    placement: str
    n_requests: int = 0
    n_lists: int = 0
    n_places: int = 0
    n_places_changed: int = 0
    n_short: int = 0
    shortest: int | None = None


@dataclass
class RuleReplay:
    """What a draft changes in the requests of a time. Shares are of all places, 0 to 1."""

    sentence: str
    since: datetime
    before: datetime
    n_sampled: int
    placements: dict[str, PlacementReplay] = field(default_factory=dict)
    share_now: float = 0.0
    share_with_draft: float = 0.0
    conflicts: tuple[str, ...] = ()

    @property
    def total(self) -> PlacementReplay:
        """All placements together."""
        result = PlacementReplay("")
        for one in self.placements.values():
            for name in ("n_requests", "n_lists", "n_places", "n_places_changed", "n_short"):
                setattr(result, name, getattr(result, name) + getattr(one, name))
        return result

    @property
    def crowds_out(self) -> bool:
        """Whether the draft's products get most places, and did not before."""
        return self.share_with_draft > MOST_SHARE >= self.share_now


def replay_rule(wording: Mapping[str, Any], *, name: str = "", instead_of: int | None = None) -> RuleReplay:
    """Answer a sample of yesterday's requests without and with a draft, `instead_of` the saved rule of that id.

    Shoppers, products and model are those of now. Where nobody asked yesterday, the requests are of the last 24 hours.
    Raises InvalidInput, which names the field; Unavailable before the catalog is loaded.
    """
    snapshot = without_holdouts(snapshot_refresher.current())
    draft = draft_of(snapshot, wording, name=name or "this rule", instead_of=instead_of)
    since, before, requests = _requests(draft.rule.placements)
    result = RuleReplay(
        sentence_of(draft_version(wording=wording)), since, before, len(requests), conflicts=draft.conflicts
    )
    matched = draft.snapshot.rules.matched[draft.rule.id]
    codes, places, end = snapshot.serving_catalog.codes, Counter[str](), time.monotonic() + SECONDS
    for request in requests:
        if time.monotonic() > end:
            break
        if request.placement not in snapshot.placements:
            continue
        now, then = _answers(snapshot, draft, request)
        _note(result, request, now, then)
        places["now"] += sum(bool(matched[codes[item.product_id]]) for item in now)
        places["then"] += sum(bool(matched[codes[item.product_id]]) for item in then)
        places["of"] += max(len(now), len(then))
    if places["of"]:
        result.share_now, result.share_with_draft = (places[one] / places["of"] for one in ("now", "then"))
    return result


def _requests(placements: Sequence[str]) -> tuple[datetime, datetime, list[ServedRequest]]:
    """Return the sampled requests of yesterday in the shop's time zone, else of the last 24 hours, with both ends."""
    now = clock.now()
    today = now.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = (today - timedelta(days=1), today)
    times = (yesterday, (now - timedelta(days=1), now))
    for since, before in times:
        rows = served_requests(since=since, before=before, placements=tuple(placements), limit=N_REQUESTS)
        if rows:
            return since, before, rows
    return *yesterday, []


def _answers(snapshot: Snapshot, draft: Draft, request: ServedRequest) -> tuple[Sequence[Item], Sequence[Item]]:
    who = Who(user_id=request.user_id, anonymous_id=request.anonymous_id)
    ask = Ask(
        request.placement,
        who=who,
        product_ids=request.product_ids,
        limit=min(100, max(request.size, snapshot.placements[request.placement].size)),
        personalized=who.has_id,
        explores=False,
    )
    return answer(snapshot, ask).items, answer(draft.snapshot, ask).items


def _note(result: RuleReplay, request: ServedRequest, now: Sequence[Item], then: Sequence[Item]) -> None:
    one = result.placements.setdefault(request.placement, PlacementReplay(request.placement))
    before, after = ([item.product_id for item in items] for items in (now, then))
    n_places = max(len(before), len(after))
    n_same = sum(a == b for a, b in zip(before, after, strict=False))
    one.n_requests += 1
    one.n_places += n_places
    one.n_places_changed += n_places - n_same
    one.n_lists += before != after
    if len(after) < len(before):
        one.n_short += 1
        one.shortest = len(after) if one.shortest is None else min(one.shortest, len(after))
