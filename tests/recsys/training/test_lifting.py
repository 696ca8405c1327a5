"""The cold lift that is released: what validation's curve allows, and never nothing because two wishes conflict."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import build
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.data.time_split import Sequences, before
from recsys.evaluation.pipeline import train
from recsys.ranking.candidates import Candidates, gather
from recsys.ranking.cold_boost import lifted
from recsys.ranking.explanation import COLD_LIFT
from recsys.ranking.exposure_constraint import Exposure
from recsys.ranking.features import feature_names
from recsys.ranking.increment import incremented
from recsys.ranking.model import Bundle
from recsys.training import cold_boost_tuning as lifting
from recsys.training import model_selection as choosing
from recsys.training.champion_refit import plan_of
from recsys.training.cold_boost_tuning import Lift
from recsys.training.ranker_training import TrainedRanker
from recsys.training.ranking_dataset import Examples
from recsys.training.validation_set import Deciding
from tests.recsys.shop_history import history, products


class _Judged:
    """Questions of which one has a cold target."""

    cold = (np.array([True]),)
    asked = type("Asked", (), {"candidates": None})

    @staticmethod
    def untouched() -> np.ndarray:
        return np.array([True])


def chosen(
    monkeypatch: pytest.MonkeyPatch, curve: dict[float, tuple[float, float, float]], *, told: bool = True
) -> float:
    """Return the lift chosen on a curve of (together, warm, hit rate of cold targets), straight between its points.

    `told` says whether there are enough questions with known targets to tell what these keep.
    """
    monkeypatch.setattr(lifting, "LEAST_KNOWN", 0 if told else 1)
    monkeypatch.setattr(lifting, "LEAST_KNOWN_SHARE", 0.0)
    names = ("together", "warm", "cold_hit_rate")
    lines = np.array(list(curve.values())).T

    def point(deciding: Deciding, scores: np.ndarray, lift: float) -> lifting.Point:
        values = [float(np.interp(lift, list(curve), line)) for line in lines]
        return {"lift": lift, "share": lift / 10, **dict(zip(names, values, strict=True))}

    monkeypatch.setattr(lifting, "LIFTS", tuple(curve))
    monkeypatch.setattr(lifting, "lifted", lambda candidates, scores, untouched, lift, level: scores)
    monkeypatch.setattr(lifting, "_point", point)
    monkeypatch.setattr(lifting, "level_of", lambda *args, share: None)
    return lifting.tuned_lift(_Judged(), np.zeros(1, np.float32)).value  # type: ignore[arg-type]


def test_the_most_that_known_products_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.046), 0.75: (0.038, 0.0408, 0.085), 2.0: (0.0403, 0.0395, 0.134)}

    found = chosen(monkeypatch, curve)

    assert found == 0.75 + 1.25 / 4, "the step to the next lift is halved until little is missing"
    assert np.interp(found, list(curve), [warm for _, warm, _ in curve.values()]) >= 0.97 * 0.0417


def test_a_handful_of_known_targets_holds_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    rising = {0.0: (0.036, 0.0417, 0.046), 1.0: (0.038, 0.0, 0.085), 2.0: (0.0403, 0.0, 0.134)}

    assert chosen(monkeypatch, rising, told=False) == 2.0
    assert chosen(monkeypatch, rising) < 1.0


def test_none_where_the_whole_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.046), 0.5: (0.0359, 0.0416, 0.085)}

    assert chosen(monkeypatch, curve) == 0.0


@pytest.mark.parametrize("warm", [0.0417, 0.0])
def test_what_costs_nothing_is_given_though_known_products_be_hit_nowhere(
    monkeypatch: pytest.MonkeyPatch, warm: float
) -> None:
    assert chosen(monkeypatch, {0.0: (0.036, warm, 0.046), 1.0: (0.036, warm, 0.085)}) == 1.0


def test_of_equal_lifts_the_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = {0.0: (0.036, 0.0417, 0.0), 0.5: (0.037, 0.0416, 0.05), 1.0: (0.038, 0.0415, 0.05)}

    assert chosen(monkeypatch, curve) == 0.5


def shoppers(*hit: int, alike: int = 1) -> tuple[Deciding, np.ndarray]:
    """Return ten shoppers with twelve candidates, of which the last is new, and scores: of new ones 0.0, 0.1, … 0.9.

    Everybody wants the first and the tenth product, and those of `hit` the new one besides. Old products score
    higher with the last shopper: no lift reaches that one first. `alike` are of each kind, one behind the other.
    """
    n = 10 * alike
    rows, items = np.repeat(np.arange(n), 12), np.tile(np.arange(12, dtype=np.int64), n)
    nothing, kinds = np.zeros((12 * n, 1), np.float32), rows // alike
    candidates = Candidates(rows, items, nothing, nothing, ("popular",), n)
    features = np.zeros((12 * n, len(feature_names(("popular",)))), np.float32)
    features[items == 11, feature_names(("popular",)).index("item_idle")] = np.nan
    scores = np.where(items == 11, kinds / 10, 20.0 - items + 3 * (kinds == 9)).astype(np.float32)
    wanted = [np.array([0, 9, 11]) if row // alike in hit else np.array([0, 9]) for row in range(n)]
    asked = Examples(
        candidates, features, np.isin(rows * 12 + items, [row * 12 + o for row in range(n) for o in wanted[row]])
    )
    return Deciding(asked, wanted, [own == 11 for own in wanted], np.arange(n), 12), scores


def crowded(
    *, known: int, n: int = 2 * lifting.LEAST_KNOWN, old: int = 12, new: int = 1
) -> tuple[Deciding, np.ndarray]:
    """Return n questions about old products and twelve new ones, which score higher, and their scores.

    `known` questions are answered by one old and `new` new products, the others by the new ones alone.
    """
    every = old + 12
    rows, items = np.repeat(np.arange(n), every), np.tile(np.arange(every, dtype=np.int64), n)
    nothing = np.zeros((every * n, 1), np.float32)
    features = np.zeros((every * n, len(feature_names(("popular",)))), np.float32)
    features[items >= old, feature_names(("popular",)).index("item_idle")] = np.nan
    fresh = np.arange(old, old + new)
    wanted = [np.array([0, *fresh])] * known + [fresh] * (n - known)
    labels = np.isin(items, fresh) | (items == 0) & (rows < known)
    asked = Examples(Candidates(rows, items, nothing, nothing, ("popular",), n), features, labels)
    scores = np.where(items >= old, 14.0 + (items == old) - items / 100, -items / 100).astype(np.float32)
    return Deciding(asked, wanted, [own >= old for own in wanted], np.arange(n), every), scores


def test_new_products_that_crowd_out_known_ones_are_held_back() -> None:
    few = lifting.tuned_lift(*crowded(known=lifting.LEAST_KNOWN - 1))
    rare = lifting.tuned_lift(*crowded(known=lifting.LEAST_KNOWN, n=6 * lifting.LEAST_KNOWN))
    found = lifting.tuned_lift(*crowded(known=lifting.LEAST_KNOWN))

    assert few.value == 0.0, "too few questions tell what known ones are worth"
    assert rare.value == 0.0, "hardly anybody wants a known one"
    assert found.value < 0
    points = {one["lift"]: one for one in found.curve}
    assert points[0.0]["warm"] == 0.0, "twelve new ones come first"
    assert points[found.value]["warm"] >= lifting.ALONE_KEPT * points[min(points)]["warm"]
    assert found.share == points[found.value]["share"] < 1


def test_new_products_are_held_back_no_further_than_they_must_though_the_whole_loses() -> None:
    found = lifting.tuned_lift(*crowded(known=lifting.LEAST_KNOWN, new=12))

    points = {one["lift"]: one for one in found.curve}
    assert min(lifting.HELD_BACK) < found.value < 0
    assert points[found.value]["together"] < points[0.0]["together"], "all that was shown without was wanted"


def test_where_no_lift_leaves_known_products_enough_the_lowest_is_taken() -> None:
    found = lifting.tuned_lift(*crowded(known=lifting.LEAST_KNOWN, old=108))

    assert found.value == min(lifting.HELD_BACK)
    assert {one["warm"] for one in found.curve} == {0.0}, "twelve of so many are too far ahead"


def test_where_nobody_wants_a_new_product_or_none_is_proposed_there_is_neither_lift_nor_curve() -> None:
    deciding, scores = shoppers(9)
    known = replace(deciding.asked, features=np.nan_to_num(deciding.asked.features))

    for asked in (shoppers(), (replace(deciding, asked=known), scores)):
        found = lifting.tuned_lift(*asked)
        assert (found.value, found.share, found.least, found.level, found.curve) == (0.0, 1.0, 0.0, None, ())


def test_nothing_is_held_back_where_known_products_have_their_places_or_none_that_they_could_have() -> None:
    deciding, scores = crowded(known=lifting.LEAST_KNOWN)
    first = np.where(deciding.untouched(), scores - 20, scores)
    unheard = crowded(known=lifting.LEAST_KNOWN - 1)

    for asked in (shoppers(9), (deciding, first), (deciding, -scores), unheard):
        assert min(one["lift"] for one in lifting.tuned_lift(*asked).curve) == 0.0


def test_new_products_that_score_highest_have_the_least_share() -> None:
    deciding, scores = shoppers(9)

    def level(share: float, lift: float = 0.0) -> float | None:
        return lifting.level_of(deciding.asked.candidates, scores, deciding.untouched(), lift, share=share)

    assert level(0.0) is None
    assert level(0.005) is None, "one of a hundred places is too many"
    assert level(0.01) == pytest.approx(0.9)
    assert level(0.035) == pytest.approx(0.7), "three"
    assert level(0.035, lift=50.0) is None, "the lift gives them more by itself"
    assert level(0.1, lift=50.0) is None, "or just as much"


def test_the_least_share_is_theirs_where_validation_finds_a_hit_there() -> None:
    found = lifting.tuned_lift(*shoppers(9))
    missed = lifting.tuned_lift(*shoppers(0))

    assert (found.value, found.least) == (0.0, lifting.LEAST_SHARE)
    assert found.level == pytest.approx(0.9)
    assert (missed.value, missed.least, missed.level) == (0.0, 0.0, None)


def test_the_least_share_is_theirs_too_where_the_ranker_gives_it_to_them_by_itself() -> None:
    """The released ranker may think less of them: of the places that new produce had on validation, a tenth stayed."""

    def found(hit: int) -> lifting.Lift:
        deciding, scores = shoppers(hit)
        rows, items = deciding.asked.candidates.rows, deciding.asked.candidates.items
        liked = (items == 11) & (rows >= 8)
        return lifting.tuned_lift(deciding, np.where(liked, scores[items == 7][rows] + 0.5, scores).astype(np.float32))

    assert (found(9).share, found(9).level, found(9).least) == (0.02, None, lifting.LEAST_SHARE)
    assert found(0).least == 0.0, "no hit among them"


def test_what_new_products_have_by_themselves_makes_their_least_share_no_larger() -> None:
    deciding, scores = shoppers(9)
    rows, items = deciding.asked.candidates.rows, deciding.asked.candidates.items
    liked = np.where((items == 11) & (rows >= 7), scores[items == 7][rows] + 0.5, scores).astype(np.float32)

    found = lifting.tuned_lift(deciding, liked, newest=1.0, runner_up=0.0)

    assert (found.share, found.least) == (0.03, lifting.LEAST_SHARE)


def test_new_products_have_more_tenths_where_the_newest_are_hit_half_as_often() -> None:
    def share(newest: float, runner_up: float) -> float:
        return lifting.tuned_lift(*shoppers(7, 8, 9), newest=newest, runner_up=runner_up).least

    assert share(0.15, 0.0) == lifting.LEAST_SHARE, "a third of those who want one get it: twice as many"
    assert share(0.3, 0.0) == 0.025, "two thirds"
    assert share(0.4, 0.0) == 0.04, "all three do, in three of a hundred places"
    assert share(0.4, 1.0) == lifting.LEAST_SHARE, "the ranker leads by nothing that could pay for it"
    assert share(0.6, 0.0) == 0.04, "out of reach; more places would find no more"


def test_where_known_products_can_be_told_they_lose_a_fifth_of_the_lead_at_most() -> None:
    """Each tenth of shoppers whose last place goes to a new product costs known ones .0177; the ranker has .735."""

    def share(runner_up: float) -> float:
        return lifting.tuned_lift(*shoppers(7, 8, 9, alike=5), newest=0.4, runner_up=runner_up).least

    assert [share(runner_up) for runner_up in (0.0, 0.5, 0.6)] == [0.04, 0.025, lifting.LEAST_SHARE]


def test_the_ladder_compares_a_lifted_ranker_as_if_nothing_were_held_back_or_given_places() -> None:
    """No other rung is asked to do so; what a lift makes of its answers counts, and all of it makes the slates."""

    def compared(deciding: Deciding, scores: np.ndarray, lift: Lift) -> TrainedRanker:
        return choosing._lifted(TrainedRanker((), np.arange(0), (), scores, np.empty(0)), deciding, lift)

    deciding, scores = crowded(known=lifting.LEAST_KNOWN)
    plain, held = compared(deciding, scores, Lift()), compared(deciding, scores, Lift(-2.0))
    assert plain.scores.tolist() == scores.tolist()
    assert held.values.tolist() == plain.values.tolist()
    assert held.scores.tolist() == lifted(deciding.asked.candidates, scores, deciding.untouched(), -2.0).tolist()

    deciding, scores = shoppers(9)
    plain, given, raised = (compared(deciding, scores, lift) for lift in (Lift(), Lift(level=0.9), Lift(50.0)))
    assert given.values.tolist() == plain.values.tolist()
    assert given.scores.tolist() != plain.scores.tolist()
    assert raised.values.mean() < plain.values.mean(), "the tenth product, which all want, is now the eleventh"


def test_products_held_back_are_given_no_more_than_the_least_share() -> None:
    deciding, scores = crowded(known=lifting.LEAST_KNOWN)

    found = lifting.tuned_lift(deciding, scores, newest=1.0, runner_up=0.0)

    assert found.value < 0
    assert found.least <= lifting.LEAST_SHARE


def test_the_released_ranker_holds_back_further_where_it_must(released: Bundle) -> None:
    plan = plan_of(released.manifest)
    past = build(history(), products(items=45)).interactions

    def liked(seen: np.ndarray) -> np.ndarray:
        popular = -np.nan_to_num(seen[:, 0], nan=1.0) / np.nanmax(seen[:, 0])
        return np.where(np.isnan(seen[:, 1]), 0.1, popular).astype(np.float32)

    likes_new = SimpleNamespace(names=("popular_rank", "item_idle"), scores=liked)
    held = replace(released, ranker=cast("Any", likes_new), cold_lift=-0.01)
    shown = places(held, past, new_only=plan.new_only)

    assert shown > 0.3
    assert bounded(held, shown) == held.cold_lift
    assert lifting.HELD_BACK[0] <= bounded(held, 0.0) < held.cold_lift
    assert places(replace(held, cold_lift=bounded(held, 0.0)), past, new_only=plan.new_only) == 0.0


@pytest.fixture(scope="module")
def released() -> Bundle:
    """Return a bundle with a ranker; five products of forty-five nobody touched yet, and its lift is far too high."""
    shop = build(history(), products(items=45))
    trained = train(shop, names=("buy_again", "content", "new_arrivals", "popular"))
    assert trained.tested.ranker is not None
    return replace(trained.tested, cold_lift=8.0)


def bounded(bundle: Bundle, share: float) -> float:
    plan = plan_of(bundle.manifest)
    past = build(history(), products(items=45)).interactions
    return lifting.bounded(bundle, replace(plan, cold_share=share, cold_least=0.0), past).cold_lift


def test_the_released_ranker_shows_no_more_new_products_than_were_tested(released: Bundle) -> None:
    assert bounded(released, 1.0) == released.cold_lift
    assert bounded(released, 0.0) < bounded(released, 0.2) < released.cold_lift
    past = build(history(), products(items=45)).interactions
    for share in (0.0, 0.2):
        told = replace(released, cold_lift=bounded(released, share))
        assert places(told, past, new_only=False) <= share


def test_those_who_came_lately_are_asked_as_answers_see_them(released: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(released.manifest)
    past = build(history(), products(items=45)).interactions
    asked: list[tuple[Sequence[Profile], Sequence[Context]]] = []

    def gathered(sources: Any, profiles: Sequence[Profile], contexts: Sequence[Context], **how: Any) -> Candidates:
        asked.append((profiles, contexts))
        return gather(sources, profiles, contexts, **how)

    monkeypatch.setattr(lifting, "gather", gathered)
    monkeypatch.setattr(lifting, "LATELY", 0.02)

    lifting.bounded(released, replace(plan, new_only=True), past, newest=3)

    ((profiles, contexts),) = asked
    assert 0 < len(profiles) < len(np.unique(past.users))
    assert all(profile.times.max() >= np.quantile(past.times, 0.97) for profile in profiles)
    assert {len(profile.items) for profile in profiles} == {3}
    assert {profile.now for profile in profiles} == {released.manifest["until"]}
    assert {context.seen_allowed for context in contexts} == {False}


def test_the_released_ranker_gives_new_products_their_least_share(released: Bundle) -> None:
    plan = plan_of(released.manifest)
    rows = build(history(), products(items=45)).interactions
    past = before(rows, float(released.manifest["until"]))

    told = lifting.bounded(replace(released, cold_lift=0.0), replace(plan, cold_least=0.1), past)

    assert told.cold_level is not None
    assert 0 < places(told, past, new_only=plan.new_only) <= 0.1
    assert places(replace(told, cold_level=None), past, new_only=plan.new_only) == 0.0


def places(bundle: Bundle, past: Interactions, *, new_only: bool) -> float:
    """Return the share of the first ten places of those who came lately that go to products nobody touched."""
    users = np.unique(past.users[-round(lifting.LATELY * len(past)) :]).astype(np.int64)
    profiles = Sequences.of(past).profiles(users, now=float(bundle.manifest["until"]))
    contexts = [Context(seen_allowed=not new_only)] * len(users)
    shown = [slate.items for slate in bundle.slate_many(profiles, contexts, 10, strategy="ranker")]
    return float(np.isnan(bundle.facts.last[np.concatenate(shown)]).mean())


def test_an_increment_answers_with_the_ranker_and_knows_what_was_touched_since(released: Bundle) -> None:
    seen = {"user_id": "u001", "timestamp": 2e9, "event": "view", "value": 1.0}
    more = pd.DataFrame([{**seen, "item_id": item} for item in ("i043", "new")])
    listed = pd.concat([products(items=45), products(items=1).assign(item_id="new")])
    now = build(pd.concat([history(), more]), listed)
    spread = Exposure(0.5, np.zeros(released.catalogue.n_items, np.float32))

    found = incremented(replace(released, exposure=spread), now.interactions, now.catalogue)

    codes = [found.catalogue.item_ids.index(name) for name in ("i043", "i044", "new")]
    assert np.isnan(found.facts.last[codes]).tolist() == [False, True, False]
    assert found.exposure is not None
    assert len(found.exposure.excess) == found.catalogue.n_items == 46
    profile = Sequences.of(now.interactions).profiles(np.array([0]), now=2e9)[0]
    told = found.slate(profile, Context(), 46, strategy="ranker", explain=True)
    assert codes[2] in told.items
    assert [COLD_LIFT in shares for shares in told.contributions] == np.isnan(found.facts.last[told.items]).tolist()


def test_an_explanation_names_the_lift(released: Bundle) -> None:
    past = build(history(), products(items=45)).interactions
    profile = Sequences.of(past).profiles(np.array([0]), now=float(released.manifest["until"]))[0]

    told = released.slate(profile, Context(), 20, strategy="ranker", explain=True)
    plain = replace(released, cold_lift=0.0).slate(profile, Context(), 20, strategy="ranker", explain=True)

    untouched = np.isnan(released.facts.last[told.items])
    assert untouched.any()
    assert [COLD_LIFT in shares for shares in told.contributions] == untouched.tolist()
    assert all(
        next(iter(shares)) == COLD_LIFT and shares[COLD_LIFT] > 0 for shares in np.array(told.contributions)[untouched]
    )
    assert not any(COLD_LIFT in shares for shares in plain.contributions)


def test_a_lift_of_nothing_and_a_bundle_without_ranker_stay_as_they_are(released: Bundle) -> None:
    for bundle in (replace(released, cold_lift=0.0), replace(released, ranker=None)):
        assert bounded(bundle, 0.0) == bundle.cold_lift
    plan = plan_of(released.manifest)
    nothing = before(build(history(), products(items=45)).interactions, 0.0)
    assert lifting.bounded(released, plan, nothing) is released
