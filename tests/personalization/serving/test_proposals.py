"""Proposals: the candidates from the live model and the fallbacks."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from personalization.serving.proposals import POPULAR_BATCH, Question, neighbors, popular_only, propose
from personalization.serving.shoppers import Shopper
from recsys.data.profile import Context, Profile
from recsys.sources.base import Ranked


@pytest.mark.parametrize(
    ("strategy", "sources", "new_only", "seen_allowed"),
    [
        ("hybrid", {}, True, False),
        ("blend", {}, True, False),
        ("hybrid", {}, False, True),
        ("hybrid", {"content": 1.0}, True, True),
        ("buy_again", {}, True, True),
    ],
)
def test_ranker_for_new_products_gets_only_those(
    strategy: str, sources: dict[str, float], new_only: bool, seen_allowed: bool
) -> None:
    contexts: list[Context] = []

    def slate(profile: Profile, context: Context, k: int, **how: Any) -> Any:
        contexts.append(context)
        return SimpleNamespace(items=np.arange(2), scores=np.ones(2), sources=[{}, {}], contributions=[{}, {}])

    bundle = SimpleNamespace(
        new_only=new_only, slate=slate, sources={"buy_again": None}, stage="ranker", quotas={"content": 1}
    )
    question = Question(
        placement=cast("Any", SimpleNamespace(sources=sources, fallback=(), about="shopper")),
        strategy=strategy,
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(seen_allowed=True),
        allowed=np.ones(2, bool),
        k=2,
    )

    proposals = propose(
        cast("Any", SimpleNamespace(bundle=bundle, sources=bundle.sources, popular=np.arange(2), n_popular=2)), question
    )

    assert proposals.items == [0, 1]
    assert [context.seen_allowed for context in contexts] == [seen_allowed]


@pytest.mark.parametrize(
    ("stage", "strategy"), [("single", "hybrid"), ("blend", "hybrid"), ("ranker", "blend"), ("ranker", "hybrid")]
)
def test_placement_sources_override_the_ranker(stage: str, strategy: str) -> None:
    def recommend(profile: Profile, context: Context, k: int) -> Ranked:
        return Ranked(np.array([1], np.int32), np.array([0.5], np.float32))

    sources = {"buy_again": SimpleNamespace(recommend=recommend), "popular": None}
    bundle = SimpleNamespace(new_only=False, sources=sources, stage=stage, quotas={"popular": 9})
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={"buy_again": 1.0}, fallback=(), about="product")),
        strategy=strategy,
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(),
        allowed=np.ones(2, bool),
        k=1,
    )

    proposals = propose(
        cast("Any", SimpleNamespace(bundle=bundle, sources=bundle.sources, popular=np.arange(2), n_popular=2)), question
    )

    assert proposals.items == [1]
    assert proposals.sources[1] == {"buy_again": 0.5}


def test_fallbacks_add_sources_without_repeats() -> None:
    def proposes(*items: int) -> Any:
        ranked = Ranked(np.array(items, np.int32), np.full(len(items), 0.5, np.float32))
        return SimpleNamespace(recommend=lambda profile, context, k: ranked)

    bundle = SimpleNamespace(sources={"buy_again": proposes(2), "recent": proposes(2, 1)})
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={}, fallback=("buy_again", "gone", "recent"), about="shopper")),
        strategy="none of the model's",
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(),
        allowed=np.ones(3, bool),
        k=3,
    )

    proposals = propose(
        cast("Any", SimpleNamespace(bundle=bundle, sources=bundle.sources, popular=np.arange(3), n_popular=3)), question
    )

    assert proposals.items == [2, 1, 0]
    assert proposals.scores == {2: 0.5, 1: 0.5, 0: 0.0}
    assert proposals.sources[2] == {"buy_again": 0.5, "recent": 0.5, "popular": 0.0}


@pytest.mark.parametrize("proposer", [propose, popular_only])
def test_popular_products_come_in_batches(proposer: Any) -> None:
    n = 50_000
    snapshot = cast(
        "Any", SimpleNamespace(bundle=None, sources={}, popular=np.arange(n, dtype=np.int32), n_popular=n - 10_000)
    )
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={}, fallback=(), about="product")),
        strategy="popular",
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(),
        allowed=np.arange(n) % 2 == 0,
        k=100,
    )

    proposals = proposer(snapshot, question)
    rest = proposer(snapshot, replace(question, allowed=np.arange(n) >= n - 10_000, k=3_000))

    assert proposals.items == list(range(0, 2 * POPULAR_BATCH, 2))
    assert rest.items == list(range(n - 10_000, n - 10_000 + 2 * POPULAR_BATCH))
    assert set(rest.sources[n - 10_000]) == {"catalog_order"}


def test_neighbors_come_from_sources_then_text_similarity() -> None:
    def source(*items: int, knows: bool = True) -> Any:
        def recommend(profile: Profile, context: Context, k: int) -> Ranked:
            allowed = [item for item in items if context.allowed is None or context.allowed[item]]
            return Ranked(np.array(allowed, np.int32), np.ones(len(allowed), np.float32))

        return SimpleNamespace(contextual=True, knows=lambda code: knows, recommend=recommend)

    kinship = SimpleNamespace(nearest=lambda code, mask, k: np.flatnonzero(mask))
    bundle = SimpleNamespace(sources={"covisitation": source(3, 1), "content": source(4, knows=False)})
    snapshot = cast(
        "Any", SimpleNamespace(bundle=bundle, sources=bundle.sources, serving_catalog=SimpleNamespace(kinship=kinship))
    )

    proposals = neighbors(snapshot, 0, mask=np.array([False, False, True, True, True]), now=0.0, k=5)

    assert list(proposals) == [3, 2, 3, 4]


@pytest.mark.parametrize(("knows", "places"), [(True, ["popular"]), (False, ["content", "popular"])])
def test_text_similarity_replaces_missing_neighbors(knows: bool, places: list[str]) -> None:
    content = SimpleNamespace(knows=lambda code: knows)
    slate = SimpleNamespace(items=np.array([], np.int64), scores=np.array([]), sources=[], contributions=[])
    bundle = SimpleNamespace(
        new_only=False, stage="ranker", sources={"content": content}, slate=lambda *args, **how: slate
    )
    kinship = SimpleNamespace(nearest=lambda code, mask, k: np.array([2]))
    snapshot = SimpleNamespace(
        bundle=bundle,
        sources=bundle.sources,
        serving_catalog=SimpleNamespace(kinship=kinship, columns=SimpleNamespace(prices=np.full(3, np.nan))),
        popular=np.arange(3),
        n_popular=3,
        weights=np.ones(12, np.float32),
    )
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={}, fallback=(), about="product")),
        strategy="hybrid",
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(items=(0,)),
        allowed=np.array([False, True, True]),
        k=2,
    )

    proposals = propose(cast("Any", snapshot), question)

    assert list(dict.fromkeys(name for code in proposals.items for name in proposals.sources[code])) == places


@pytest.mark.parametrize(
    ("about", "strategy", "stage", "items", "page"),
    [
        ("product", "hybrid", "ranker", (), 1),
        ("product", "hybrid", "single", (1,), None),
        ("product", "blend", "ranker", (1,), None),
        ("product", "content", "ranker", (1,), None),
        ("cart", "hybrid", "ranker", (1,), None),
    ],
)
def test_the_product_of_a_page_is_the_newest_event_for_the_ranker(
    about: str, strategy: str, stage: str, items: tuple[int, ...], page: int | None
) -> None:
    calls: list[tuple[Profile, Context]] = []

    def slate(profile: Profile, context: Context, k: int, **how: Any) -> Any:
        calls.append((profile, context))
        return SimpleNamespace(items=np.arange(2), scores=np.ones(2), sources=[{}, {}], contributions=[{}, {}])

    bundle = SimpleNamespace(new_only=False, slate=slate, sources={"content": None}, stage=stage, quotas={})
    snapshot = SimpleNamespace(
        bundle=bundle,
        sources={"content": SimpleNamespace(knows=lambda code: True)},
        serving_catalog=SimpleNamespace(columns=SimpleNamespace(prices=np.full(10, np.nan))),
        popular=np.arange(2),
        n_popular=2,
        weights=np.full(12, 0.25, np.float32),
    )
    question = Question(
        placement=cast("Any", SimpleNamespace(sources={}, fallback=(), about=about)),
        strategy=strategy,
        shopper=Shopper(Profile.empty(7.0)),
        context=Context(items=(1,)),
        allowed=np.ones(2, bool),
        k=1,
    )

    propose(cast("Any", snapshot), question)

    ((profile, context),) = calls
    assert (context.items, context.page) == (items, page)
    assert profile.items.tolist() == ([] if page is None else [page])
    assert profile.weights.tolist() == ([] if page is None else [0.25])
