"""What candidates are asked of the live model."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from personalization.serving.proposals import PART, Question, neighbors, popular_only, propose
from personalization.serving.shoppers import Shopper
from recsys.data.profile import Context, Profile
from recsys.sources.base import Ranked


@pytest.mark.parametrize(
    ("strategy", "sources", "new_only", "seen"),
    [
        ("hybrid", {}, True, False),
        ("blend", {}, True, False),
        ("hybrid", {}, False, True),
        ("hybrid", {"content": 1.0}, True, True),
        ("buy_again", {}, True, True),
    ],
)
def test_a_ranker_taught_on_new_products_alone_is_asked_for_those(
    strategy: str, sources: dict[str, float], new_only: bool, seen: bool
) -> None:
    asked: list[Context] = []

    def slate(profile: Profile, context: Context, k: int, **how: Any) -> Any:
        asked.append(context)
        return SimpleNamespace(items=np.arange(2), scores=np.ones(2), sources=[{}, {}], contributions=[{}, {}])

    bundle = SimpleNamespace(
        new_only=new_only, slate=slate, sources={"buy_again": None}, rung="ranker", quotas={"content": 1}
    )
    question = Question(
        placement=cast("Any", SimpleNamespace(sources=sources, fallback=())),
        strategy=strategy,
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(seen_allowed=True),
        allowed=np.ones(2, bool),
        k=2,
    )

    found = propose(
        cast("Any", SimpleNamespace(bundle=bundle, sources=bundle.sources, popular=np.arange(2), touched=2)), question
    )

    assert found.items == [0, 1]
    assert [context.seen_allowed for context in asked] == [seen]


@pytest.mark.parametrize(
    ("rung", "strategy"), [("single", "hybrid"), ("blend", "hybrid"), ("ranker", "blend"), ("ranker", "hybrid")]
)
def test_sources_that_a_placement_names_are_asked_whatever_the_model_released(rung: str, strategy: str) -> None:
    def recommend(profile: Profile, context: Context, k: int) -> Ranked:
        return Ranked(np.array([1], np.int32), np.array([0.5], np.float32))

    sources = {"buy_again": SimpleNamespace(recommend=recommend), "popular": None}
    bundle = SimpleNamespace(new_only=False, sources=sources, rung=rung, quotas={"popular": 9})
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={"buy_again": 1.0}, fallback=())),
        strategy=strategy,
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(),
        allowed=np.ones(2, bool),
        k=1,
    )

    found = propose(
        cast("Any", SimpleNamespace(bundle=bundle, sources=bundle.sources, popular=np.arange(2), touched=2)), question
    )

    assert found.items == [1]
    assert found.sources[1] == {"buy_again": 0.5}


def test_what_fills_a_list_repeats_nothing_and_tells_who_else_proposed_it() -> None:
    def proposes(*items: int) -> Any:
        ranked = Ranked(np.array(items, np.int32), np.full(len(items), 0.5, np.float32))
        return SimpleNamespace(recommend=lambda profile, context, k: ranked)

    bundle = SimpleNamespace(sources={"buy_again": proposes(2), "recent": proposes(2, 1)})
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={}, fallback=("buy_again", "gone", "recent"))),
        strategy="none of the model's",
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(),
        allowed=np.ones(3, bool),
        k=3,
    )

    found = propose(
        cast("Any", SimpleNamespace(bundle=bundle, sources=bundle.sources, popular=np.arange(3), touched=3)), question
    )

    assert found.items == [2, 1, 0]
    assert found.scores == {2: 0.5, 1: 0.5, 0: 0.0}
    assert found.sources[2] == {"buy_again": 0.5, "recent": 0.5, "popular": 0.0}


@pytest.mark.parametrize("asked", [propose, popular_only])
def test_a_large_catalog_is_not_told_whole(asked: Any) -> None:
    n = 50_000
    snapshot = cast(
        "Any", SimpleNamespace(bundle=None, sources={}, popular=np.arange(n, dtype=np.int32), touched=n - 10_000)
    )
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={}, fallback=())),
        strategy="popular",
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(),
        allowed=np.arange(n) % 2 == 0,
        k=100,
    )

    found = asked(snapshot, question)
    rest = asked(snapshot, replace(question, allowed=np.arange(n) >= n - 10_000, k=3_000))

    assert found.items == list(range(0, 2 * PART, 2))
    assert rest.items == list(range(n - 10_000, n - 10_000 + 2 * PART))
    assert set(rest.sources[n - 10_000]) == {"catalog_order"}


def test_neighbors_are_what_is_allowed_of_the_sources_that_know_the_product_then_what_is_alike() -> None:
    def source(*items: int, knows: bool = True) -> Any:
        def recommend(profile: Profile, context: Context, k: int) -> Ranked:
            allowed = [item for item in items if context.allowed is None or context.allowed[item]]
            return Ranked(np.array(allowed, np.int32), np.ones(len(allowed), np.float32))

        return SimpleNamespace(contextual=True, knows=lambda code: knows, recommend=recommend)

    kinship = SimpleNamespace(near=lambda code, mask, k: np.flatnonzero(mask))
    bundle = SimpleNamespace(sources={"covisitation": source(3, 1), "content": source(4, knows=False)})
    snapshot = cast(
        "Any", SimpleNamespace(bundle=bundle, sources=bundle.sources, shelf=SimpleNamespace(kinship=kinship))
    )

    found = neighbors(snapshot, 0, mask=np.array([False, False, True, True, True]), now=0.0, k=5)

    assert list(found) == [3, 2, 3, 4]


@pytest.mark.parametrize(("knows", "places"), [(True, ["popular"]), (False, ["content", "popular"])])
def test_words_stand_in_where_the_model_knows_no_neighbors_of_the_product(knows: bool, places: list[str]) -> None:
    content = SimpleNamespace(knows=lambda code: knows)
    slate = SimpleNamespace(items=np.array([], np.int64), scores=np.array([]), sources=[], contributions=[])
    bundle = SimpleNamespace(
        new_only=False, rung="ranker", sources={"content": content}, slate=lambda *asked, **how: slate
    )
    kinship = SimpleNamespace(near=lambda code, mask, k: np.array([2]))
    snapshot = SimpleNamespace(
        bundle=bundle, sources=bundle.sources, shelf=SimpleNamespace(kinship=kinship), popular=np.arange(3), touched=3
    )
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={}, fallback=())),
        strategy="hybrid",
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(items=(0,)),
        allowed=np.array([False, True, True]),
        k=2,
    )

    found = propose(cast("Any", snapshot), question)

    assert list(dict.fromkeys(name for code in found.items for name in found.sources[code])) == places
