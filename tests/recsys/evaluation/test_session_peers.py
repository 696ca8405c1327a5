"""Session peers count what is shared lately, as their authors' code does, and what few sessions hold."""

from typing import Any

import numpy as np
import pytest

from recsys.arrays import Ints
from recsys.data.dataset import Dataset
from recsys.data.folds import Fold
from recsys.data.visits import next_item
from recsys.evaluation.peers.session import VSKNN, SequenceRules
from tests.recsys import shops

ITEMS = 9


def question(*, seed: int) -> Fold:
    """Return the next item of one shopper, whose session holds some items twice, behind 40 sessions of others."""
    rng = np.random.default_rng(seed)
    rows = [
        (user, int(item), shops.START + user * shops.DAY + at, "view")
        for user in range(40)
        for at, item in enumerate(rng.integers(0, ITEMS, rng.integers(1, 6)))
    ]
    own = [(40, int(item), shops.START + 50 * shops.DAY + at, "view") for at, item in enumerate(rng.integers(0, 5, 6))]
    last = (40, ITEMS - 1, shops.START + 60 * shops.DAY, "view")
    data = shops.interactions([*rows, *own, last], n_users=41)
    return next_item(Dataset(data, shops.catalog(ITEMS), ()), start=last[2], end=float("inf"), new_only=False)


def by_hand(fold: Fold, *, latest: bool, rarity: float) -> Ints:
    """Return the ten best items by the definition, session after session."""
    current = fold.profiles[0].items.tolist()
    sessions = [{*fold.past.items[fold.past.users == user].tolist()} for user in np.unique(fold.past.users)]
    scores = np.zeros(ITEMS)
    for session in sessions:
        vote = sum(0.7**back for back, item in enumerate(reversed(current)) if item in session) / np.sqrt(len(session))
        steps = [step for step, item in enumerate(reversed(current), start=1) if item in session]
        for item in session:
            scores[item] += vote / (steps[0] if latest and steps else 1)
    scores *= [
        1 + rarity * np.log(len(sessions) / max(1, sum(item in one for one in sessions))) for item in range(ITEMS)
    ]
    return np.argsort(-scores.astype(np.float32), kind="stable").astype(np.int32)


@pytest.mark.parametrize("settings", [{"latest": True}, {"rarity": 2}, {"latest": True, "rarity": 10}, {}])
@pytest.mark.parametrize("seed", range(5))
def test_a_vote_counts_by_what_is_shared_lately_and_by_rarity(settings: dict[str, Any], seed: int) -> None:
    fold = question(seed=seed)
    peer = VSKNN(neighbors=1000, whole=True, **settings)

    peer.fit(fold.past, shops.catalog(ITEMS))
    result = peer.answer(fold, ITEMS)[0]

    wanted = by_hand(fold, latest=settings.get("latest", False), rarity=settings.get("rarity", 0))
    assert result.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("settings", "of_zero"),
    [
        ({}, [0, 1 + 1 / 2, 1 / 3]),
        ({"steps": 1}, [0, 1, 0]),
        ({"across": False}, [0, 1, 0]),
    ],
)
def test_rules_count_what_follows_by_one_over_the_distance(settings: dict[str, Any], of_zero: list[float]) -> None:
    """One shopper took 0, 1 and, after a pause, 1 again and 2; another's 2 follows nothing."""
    visit = enumerate((0, 1, 1, 2))
    rows = [(0, item, shops.START + at * 60 + (at > 1) * 3600, "view") for at, item in visit]
    data = shops.interactions([*rows, (1, 2, shops.START + shops.DAY, "view")], n_users=2)
    peer = SequenceRules(**settings)

    peer.fit(data, shops.catalog(3))

    assert peer.rules.toarray()[0] == pytest.approx(of_zero)


def test_the_authors_settings_are_tried_before_any_drawn_by_chance() -> None:
    tried = [*VSKNN._configs(np.random.default_rng(7), budget_s=0.0)]

    assert any(one.get("latest") and one.get("rarity") for one in tried)
