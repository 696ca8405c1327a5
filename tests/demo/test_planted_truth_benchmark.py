"""`make bench-planted-truth` compares the answers of serving and of peers with what is planted."""

from collections.abc import Sequence

import pytest

from bench.planted_truth import SIZES, World, figures, peers, report, served

SHOPPERS = 150


@pytest.fixture(scope="module")
def world() -> World:
    """A small simulated shop."""
    return World(SHOPPERS, seed=7)


def test_peers_find_what_is_planted(world: World) -> None:
    answerers = peers(world)
    similar, bundle = world.questions("similar"), world.questions("bundle")

    hits = {
        (placement, name): figures(world, placement, questions, answerers[name]).hits.mean()
        for placement, questions in (("similar", similar), ("bundle", bundle))
        for name in ("co-visitation", "lift")
    }

    assert hits["similar", "co-visitation"] > 1 > hits["similar", "lift"]
    assert hits["bundle", "lift"] > hits["bundle", "co-visitation"]


def test_questions_ask_only_what_can_be_answered(world: World) -> None:
    for placement in SIZES:
        for question in world.questions(placement):
            assert question.planted
            assert not set(question.planted).intersection(question.context)
            assert all(map(world.in_stock, question.planted))


def test_variants_of_a_design_count_once(world: World) -> None:
    question = world.questions("similar")[0]
    own = world.products[world.position[question.planted[0]]].group_id
    variants = [product.product_id for product in world.products if product.group_id == own]

    def answer(_: str, context: Sequence[str]) -> list[str]:
        return variants

    assert figures(world, "similar", [question], answer).hits.tolist() == [1]
    for name, peer in peers(world).items():
        answers = peer("similar", question.context)
        assert len(world.designs(answers)) == len(answers), name


@pytest.mark.slow
def test_answers_of_serving_are_compared(world: World) -> None:
    lines = report(world, {"ours": served(world, quick=True), **peers(world)})

    names = [line.split()[0] for line in lines if line]
    for placement in SIZES:
        start = names.index(f"{placement}:")
        assert names[start + 2 : start + 7] == ["oracle", "ours", "co-visitation", "lift", "content"]
    oracles = [line.split() for line in lines if line.split()[:1] == ["oracle"]]
    assert [row[2] for row in oracles] == ["1.000"] * 3
    assert all(float(line.split()[1]) > 0 for line in lines if line.split()[:1] == ["ours"] and len(line.split()) == 5)
