"""Peers of visits against their definitions, and the comparisons by known and new shoppers."""

from typing import Any

import numpy as np
import pytest

from recsys.arrays import Ints
from recsys.data.dataset import Dataset
from recsys.data.folds import Fold
from recsys.data.visits import next_item, product_page
from recsys.evaluation.peers.base import Peer
from recsys.evaluation.peers.item_pairs import CoVisitation, ItemPairs, Lift, SessionItemKNN, WalkRP3beta
from recsys.evaluation.peers.packaged import peers
from recsys.evaluation.peers.vstan import VSTAN
from recsys.evaluation.visit_bars import metrics_by_visitor, visit_bars
from tests.recsys import shops

ITEMS = 8
CUT = shops.START + 50 * shops.DAY


def visits(*, seed: int = 0) -> Dataset:
    """Return 40 visits of others, then one of a known shopper and one of a newcomer."""
    rng = np.random.default_rng(seed)
    rows = [
        (user, int(item), shops.START + user * shops.DAY + at * 60, "view")
        for user in range(40)
        for at, item in enumerate(rng.integers(0, ITEMS, rng.integers(2, 6)))
    ]
    late = [(user, int(item), CUT + at * 60, "view") for user in (3, 40) for at, item in enumerate((0, 1, 2, 5))]
    return Dataset(
        shops.interactions(sorted([*rows, *late], key=lambda row: row[2]), n_users=41), shops.catalog(ITEMS), ()
    )


def past_items(fold: Fold) -> list[list[int]]:
    return [fold.past.items[fold.past.users == user].tolist() for user in np.unique(fold.past.users)]


def best(scores: np.ndarray) -> list[int]:
    return [int(item) for item in np.argsort(-scores.astype(np.float32), kind="stable")]


@pytest.mark.parametrize("peer", [CoVisitation, SessionItemKNN, WalkRP3beta, Lift])
@pytest.mark.parametrize("seed", range(3))
def test_item_pairs_score_by_their_definition(peer: type[ItemPairs], seed: int) -> None:
    fold = product_page(visits(seed=seed), start=CUT, end=float("inf"), new_only=False)
    model = peer(length=2, recall=0.5, own=False)
    sets = [set(own) for own in past_items(fold)]
    count = np.array([sum(item in own for own in sets) for item in range(ITEMS)], float)

    def pair(i: int, j: int) -> float:
        both = [own for own in sets if i in own and j in own]
        values: dict[type[ItemPairs], float] = {
            CoVisitation: float(len(both)),
            SessionItemKNN: len(both) / np.sqrt((count[i] + 20) * (count[j] + 20)),
            WalkRP3beta: sum(1 / (count[i] * len(own)) for own in both) / count[j] ** 0.3,
            Lift: len(both) * len(sets) / ((count[i] + 5) * (count[j] + 5)),
        }
        return values[peer]

    model.fit(fold.past, fold.catalog)
    slates = model.answer(fold, ITEMS)

    assert fold.pages is not None
    for row, (profile, page) in enumerate(zip(fold.profiles, fold.pages.tolist(), strict=True)):
        scores = np.zeros(ITEMS)
        visit = profile.items[profile.times >= CUT].tolist()[-2:]
        for back, i in enumerate(reversed(visit)):
            scores += [0.5**back * pair(i, j) * (i != j) for j in range(ITEMS)]
        scores[page] = -np.inf
        assert slates[row, : ITEMS - 1].tolist() == best(scores)[: ITEMS - 1]


@pytest.mark.parametrize("settings", [{}, {"near": None, "fading": None, "recall": None}, {"rarity": 5, "near": 0.5}])
@pytest.mark.parametrize("seed", range(3))
def test_vstan_votes_by_its_definition(settings: dict[str, Any], seed: int) -> None:
    fold = next_item(visits(seed=seed), start=CUT, end=float("inf"), new_only=False)
    config = {"recall": 2.0, "fading": 60.0, "near": 5.0, "rarity": 0, **settings}
    model = VSTAN(**settings)
    sessions = past_items(fold)
    ends = [fold.past.times[fold.past.users == user].max() for user in np.unique(fold.past.users)]
    count = np.array([sum(item in own for own in sessions) for item in range(ITEMS)])

    def decayed(steps: float, pace: float | None) -> float:
        return 1.0 if pace is None else float(np.exp(-steps / pace))

    model.fit(fold.past, fold.catalog)
    slates = model.answer(fold, ITEMS)

    for row, profile in enumerate(fold.profiles):
        current = profile.items[profile.times >= CUT].tolist() or past_items(fold)[3]
        back = {item: len(current) - 1 - at for at, item in enumerate(current)}
        scores = np.zeros(ITEMS)
        for own, end in zip(sessions, ends, strict=True):
            place = {item: at for at, item in enumerate(own)}
            shared = [item for item in place if item in back]
            if not shared:
                continue
            latest = min(shared, key=back.__getitem__)
            vote = sum(decayed(back[item], config["recall"]) for item in shared) / np.sqrt(len(place))
            vote *= decayed((profile.now - end) / shops.DAY, config["fading"])
            for item in place:
                near = decayed(abs(place[item] - place[latest]), config["near"])
                scores[item] += vote * near * (1 + config["rarity"] * np.log(len(sessions) / count[item]))
        assert slates[row].tolist() == best(scores)


def test_no_peer_recommends_the_product_of_the_page() -> None:
    fold = product_page(visits(), start=CUT, end=float("inf"), new_only=False)
    assert fold.pages is not None

    for kind in peers("product-page")[0]:
        if issubclass(kind, Peer) and kind.name not in ("LightFM", "implicit BPR"):
            peer = kind()
            peer.fit(fold.past, fold.catalog)
            assert not (peer.answer(fold, ITEMS - 1) == fold.pages[:, None]).any(), kind.name


def test_visits_have_the_peers_of_the_field() -> None:
    names = {kind.name for kind in peers("product-page")[0]}

    assert names >= {"co-visitation", "item-kNN", "RP3beta of visits", "lift", "VS-kNN", "VSTAN", "sequence rules"}
    assert "VSTAN" not in {kind.name for kind in peers("temporal")[0]}


def test_known_and_new_shoppers_are_compared_apart() -> None:
    fold = next_item(visits(), start=CUT, end=float("inf"), new_only=False)
    right = np.array([own.tolist() + [-1] * 19 for own in fold.targets], np.int32)
    wrong = np.where(fold.newcomers[:, None], right, -1).astype(np.int32)
    second: Ints = np.roll(right, 1, axis=1)

    bars = visit_bars(second, {"good": wrong, "none": np.full_like(right, -1)}, fold, protocol="next-item", seed=7)

    by_name = {(one["visitors"], one["targets"], one["metric"]): one for one in bars}
    assert len(bars) == 12
    new, known = by_name["new", "warm", "mrr@20"], by_name["known", "warm", "mrr@20"]
    assert (new["questions"], new["peer"], new["released"], new["ratio"]) == (3, "good", 0.5, 0.5)
    assert (known["questions"], known["ratio"], known["difference"]["value"]) == (4, None, 0.5)
    assert by_name["all", "together", "hit_rate@20"]["ratio"] == pytest.approx(7 / 3)
    assert visit_bars(second, {}, fold, protocol="next-item", seed=7) == []
    assert metrics_by_visitor(second, fold)["new"]["together"]["hit_rate@20"]["value"] == 1
