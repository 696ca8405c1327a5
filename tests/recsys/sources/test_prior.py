"""A newcomer is answered by their kind: learnt from many, believed as far as it tells, silent where history speaks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.data.attributes import attribute_strings
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.sources.popular import Popular
from recsys.sources.prior import Prior
from tests.recsys import shops

N_ITEMS = 20
SHOPPERS = 120


def planted(*, telling: bool = True, seed: int = 3) -> Interactions:
    """Return a shop where the young take items 0-9 and the old 10-19, nine times in ten; telling=False: all alike.

    Of a tenth of the shoppers nothing is known; of 5 a rare attribute is.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(SHOPPERS):
        for place in range(6):
            own = rng.random() < 0.9 if telling else rng.random() < 0.5
            half = user % 2 if own else 1 - user % 2
            rows.append((user, int(rng.integers(10) + 10 * half), shops.START + 100 * user + place, "purchase"))
    kinds = [(f"age={'old' if user % 2 else 'young'}", "shop=online") for user in range(SHOPPERS)]
    rare = [(*own, "guild=masons") if user < 5 else own for user, own in enumerate(kinds)]
    known = [() if user % 10 == 9 else own for user, own in enumerate(rare)]
    return replace(shops.interactions(rows, n_users=SHOPPERS), shoppers=tuple(known))


def fitted(data: Interactions) -> Prior:
    return Prior().fit(data, shops.catalog(N_ITEMS))


def newcomer(*attributes: str, events: int = 0) -> Profile:
    past = shops.profile(shops.interactions([(0, 0, shops.START, "view")] * events, n_users=1), 0)
    return replace(past, attributes=attributes)


def first_ten(model: Prior, *attributes: str) -> set[int]:
    return set(model.recommend(newcomer(*attributes), Context(), 10).items.tolist())


def test_each_kind_gets_what_its_kind_takes() -> None:
    model = fitted(planted())

    assert first_ten(model, "age=young") == set(range(10))
    assert first_ten(model, "age=old", "shop=online") == set(range(10, 20))


def test_of_whom_nothing_is_known_nothing_is_said() -> None:
    model = fitted(planted())

    assert first_ten(model) == set()
    assert first_ten(model, "age=ancient") == set()
    assert len(fitted(replace(planted(), shoppers=())).recommend(newcomer("age=old"), Context(), 3).items) == 0


def test_what_chance_explains_is_not_believed() -> None:
    data = planted(telling=False)
    popular = Popular().fit(data, shops.catalog(N_ITEMS)).scores(newcomer(), Context())

    scores = fitted(data).scores(newcomer("age=old", "shop=online"), Context())

    assert scores == pytest.approx(popular, rel=0.05)


def test_a_kind_of_few_is_left_out() -> None:
    model = fitted(planted())

    assert sorted(model.codes) == ["", "age=old", "age=young", "shop=online"]
    assert first_ten(model, "guild=masons") == set()


def test_the_own_history_takes_over() -> None:
    model = fitted(planted())
    best = [
        float(model.recommend(newcomer("age=old", events=events), Context(), 1).scores.sum()) for events in (0, 3, 6)
    ]

    assert best == pytest.approx([best[0], best[0] / 2, best[0] / 4])
    assert len(model.recommend(newcomer("age=old", events=13), Context(), 5).items) == 0


def test_the_artifact_grows_with_kinds_and_items_and_not_with_shoppers(tmp_path: Path) -> None:
    data = planted()
    columns = ("items", "times", "signals", "weights", "values", "baskets")
    doubled: dict[str, Any] = {name: np.concatenate([getattr(data, name)] * 2) for name in columns}
    twice = replace(
        data,
        users=np.concatenate([data.users, data.users + SHOPPERS]).astype(np.int32),
        n_users=2 * SHOPPERS,
        shoppers=data.shoppers * 2,
        **doubled,
    )

    once_shapes = {name: array.shape for name, array in fitted(data).arrays.items()}

    assert {name: array.shape for name, array in fitted(twice).arrays.items()} == once_shapes


def test_shoppers_must_tell_of_everybody_or_nobody() -> None:
    with pytest.raises(ValueError, match="shoppers"):
        fitted(replace(planted(), shoppers=(("age=old",),)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  Gold  Member ", ("k=gold member",)),
        (True, ("k=yes",)),
        (3, ("k=3",)),
        (34, ("k=30-39",)),
        (52_300.5, ("k=50000-59999",)),
        (["DE", "AT"], ("k=at", "k=de")),
        (-1, ()),
        (float("nan"), ()),
        (float("inf"), ()),
        (None, ()),
        ({"nested": 1}, ()),
        ("x" * 61, ()),
        ("", ()),
    ],
)
def test_attributes_are_named(value: object, expected: tuple[str, ...]) -> None:
    assert attribute_strings({"k": value, "email": "ada@example.com"}, ["k", "absent"]) == expected
