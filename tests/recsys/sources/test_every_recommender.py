"""What every recommender promises, run over the registry: a newcomer's file is tested before they write a test."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys import sources as recommenders
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.sources.base import Ranked
from recsys.sources.registry import RECOMMENDERS, available, make
from recsys.sources.scoring import Scoring
from tests.recsys import shops

N_ITEMS = 12
ELSEWHERE = "its extra is not installed: make test-deep and make test-spark bring it"
LEARNS_TASTE = {name for name in available() if RECOMMENDERS[name].learns_taste}

every = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in available() else pytest.mark.skip(reason=ELSEWHERE))
        for name in sorted(RECOMMENDERS)
    ],
)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Scoring]:
    data, catalog = shops.checkerboard(), shops.catalog(N_ITEMS)
    return {name: make(name).fit(data, catalog) for name in available()}


@pytest.fixture(scope="module")
def shoppers() -> list[Profile]:
    data = shops.checkerboard()
    return [*(shops.profile(data, user) for user in range(data.n_users)), Profile.empty(shops.START)]


def same(left: Ranked, right: Ranked) -> bool:
    return bool(np.array_equal(left.items, right.items) and np.array_equal(left.scores, right.scores))


def test_every_recommender_of_the_folder_is_in_the_registry_by_a_name_of_its_own() -> None:
    for file in Path(*recommenders.__path__).glob("*.py"):
        with suppress(ImportError):  # a module of an extra that is not installed
            import_module(f"{recommenders.__name__}.{file.stem}")

    for kind in kinds(Scoring):
        assert "name" in vars(kind), f"{kind.__name__} needs a `name` of its own"
        assert RECOMMENDERS.get(kind.name) is kind, (
            f"registry.py needs {kind.__name__}, alone with the name {kind.name}"
        )


@pytest.mark.parametrize("name", sorted(LEARNS_TASTE))
def test_the_item_a_shopper_lacks_comes_first(name: str, fitted: dict[str, Scoring], shoppers: list[Profile]) -> None:
    context = Context(seen_allowed=False)

    answers = [int(fitted[name].recommend(profile, context, 1).items[0]) for profile in shoppers[:-1]]

    assert answers == [shops.missing(user, N_ITEMS) for user in range(len(answers))]


@every
def test_scores_are_finite_and_do_not_increase_and_items_are_distinct(
    name: str, fitted: dict[str, Scoring], shoppers: list[Profile]
) -> None:
    for context in (Context(), Context(items=(0, 3)), Context(items=(99,), seen_allowed=False)):
        for profile in shoppers:
            ranked = fitted[name].recommend(profile, context, 5)

            assert ranked.items.dtype == np.int32
            assert ranked.scores.dtype == np.float32
            assert len(ranked.items) == len(ranked.scores) == len(set(ranked.items.tolist())) <= 5
            assert np.isfinite(ranked.scores).all()
            assert (np.diff(ranked.scores) <= 0).all()
            assert ((ranked.items >= 0) & (ranked.items < N_ITEMS)).all()


@every
def test_many_answers_equal_single_answers(name: str, fitted: dict[str, Scoring], shoppers: list[Profile]) -> None:
    allowed = np.arange(N_ITEMS) % 3 > 0
    kinds = [Context(), Context(items=(2,)), Context(allowed=allowed), Context(exclude=(1, 2), seen_allowed=False)]
    contexts = [kinds[row % len(kinds)] for row in range(len(shoppers))]

    many = fitted[name].recommend_many(shoppers, contexts, 6)

    for row, (profile, context) in enumerate(zip(shoppers, contexts, strict=True)):
        single = fitted[name].recommend(profile, context, 6)
        n = len(single.items)
        # A score that is 0 but for rounding may be left out of one of the two answers.
        scores = np.nan_to_num(many.scores[row, :n], neginf=0.0)
        assert scores == pytest.approx(single.scores, rel=1e-4, abs=1e-6)
        if fitted[name].exact:
            assert many.items[row].tolist() == [*single.items.tolist(), *[-1] * (6 - n)]
            assert many.scores[row].tolist() == [*single.scores.tolist(), *[-np.inf] * (6 - n)]


@every
def test_no_shoppers_give_no_rows(name: str, fitted: dict[str, Scoring]) -> None:
    assert fitted[name].recommend_many([], [], 3).items.shape == (0, 3)


@every
def test_scores_of_given_items_are_those_of_the_answer(
    name: str, fitted: dict[str, Scoring], shoppers: list[Profile]
) -> None:
    for profile in shoppers[::5]:
        ranked = fitted[name].recommend(profile, Context(), N_ITEMS)

        given = fitted[name].score(profile, Context(), np.array([*ranked.items, 99, -1], np.int32))

        assert given.dtype == np.float32
        assert given.tolist() == [*ranked.scores.tolist(), 0, 0]


@every
def test_allowed_exclude_and_seen_are_honored(name: str, fitted: dict[str, Scoring], shoppers: list[Profile]) -> None:
    allowed = np.ones(N_ITEMS, np.bool_)
    allowed[[4, 5]] = False
    for profile in shoppers:
        ranked = fitted[name].recommend(profile, Context(allowed=allowed, exclude=(2, 3), seen_allowed=False), N_ITEMS)

        assert not set(ranked.items.tolist()) & {2, 3, 4, 5, *profile.items.tolist()}


@every
def test_an_allowed_mask_of_another_length_is_read_by_code(name: str, fitted: dict[str, Scoring]) -> None:
    longer = fitted[name].recommend(Profile.empty(shops.START), Context(allowed=np.ones(N_ITEMS + 3, np.bool_)), 50)
    shorter = fitted[name].recommend(Profile.empty(shops.START), Context(allowed=np.ones(2, np.bool_)), 50)

    assert same(longer, fitted[name].recommend(Profile.empty(shops.START), Context(), 50))
    assert set(shorter.items.tolist()) <= {0, 1}


@every
def test_nothing_allowed_gives_nothing(name: str, fitted: dict[str, Scoring], shoppers: list[Profile]) -> None:
    ranked = fitted[name].recommend(shoppers[0], Context(allowed=np.zeros(N_ITEMS, np.bool_)), 5)

    assert len(ranked.items) == 0


@every
@pytest.mark.parametrize("k", [0, 1, 10_000])
def test_k_may_be_any_number(name: str, k: int, fitted: dict[str, Scoring], shoppers: list[Profile]) -> None:
    assert len(fitted[name].recommend(shoppers[0], Context(), k).items) <= min(k, N_ITEMS)


@every
def test_an_empty_history_is_no_error(name: str, fitted: dict[str, Scoring]) -> None:
    ranked = fitted[name].recommend(Profile.empty(shops.START), Context(), 5)

    assert len(ranked.items) == 0 or not fitted[name].personal or name == "random"


@every
def test_it_asks_the_history_and_the_context_if_it_says_so(
    name: str, fitted: dict[str, Scoring], shoppers: list[Profile]
) -> None:
    def answers(profiles: list[Profile], *contexts: Context) -> set[bytes]:
        return {fitted[name].scores(one, context).tobytes() for one in profiles for context in contexts}

    by_history = len(answers(shoppers, Context())) > 1
    by_context = len(answers(shoppers[:1], Context(), Context(items=(0,)), Context(items=(3,)))) > 1

    assert by_history <= fitted[name].personal, "it answers by the history: `personal = True`"
    assert by_context == fitted[name].contextual, "`contextual` says whether it answers by the context's items"


@every
def test_settings_that_matter_only_when_answering_are_as_if_fitted_with_them(
    name: str, fitted: dict[str, Scoring]
) -> None:
    recommender = RECOMMENDERS[name]
    spaces = {key: recommender.SEARCH_SPACE[key] for key in recommender.SERVE_TIME & set(recommender.SEARCH_SPACE)}
    settings = {key: space[1][-1] if space[0] == "choice" else space[2] for key, space in spaces.items()}

    fresh = make(name, **settings).fit(shops.checkerboard(), shops.catalog(N_ITEMS))

    learnt = digest_of(fitted[name].reconfigured(**settings))
    assert learnt == digest_of(fresh), f"one of {', '.join(settings)} changes what is learnt: no SERVE_TIME setting"


@every
def test_items_the_model_never_met_change_nothing(
    name: str, fitted: dict[str, Scoring], shoppers: list[Profile]
) -> None:
    known = shoppers[1]
    strangers = replace(
        known,
        items=np.array([99, *known.items, -1], np.int32),
        times=np.array([known.times[0], *known.times, known.times[-1]]),
        signals=np.array([0, *known.signals, 0], np.int8),
        weights=np.ones(len(known.items) + 2, np.float32),
        values=np.ones(len(known.items) + 2, np.float32),
    )

    ranked = fitted[name].recommend(strangers, Context(items=(500, -3)), 5)

    assert set(ranked.items.tolist()) <= set(range(N_ITEMS))
    assert not fitted[name].knows(99)
    assert not fitted[name].knows(-1)


@every
def test_because_names_items_of_the_history_or_context(
    name: str, fitted: dict[str, Scoring], shoppers: list[Profile]
) -> None:
    profile = shoppers[0]
    for item in fitted[name].recommend(profile, Context(seen_allowed=False), 2).items:
        assert set(fitted[name].explain(profile, Context(), int(item))) <= set(profile.items.tolist())
    assert set(fitted[name].explain(profile, Context(items=(3,)), 1)) <= {3, *profile.items.tolist()}


@every
def test_one_item_and_no_interactions_are_a_shop_too(name: str) -> None:
    nothing = shops.interactions([], n_users=0)
    something = shops.interactions([(0, 0, shops.START, "purchase")], n_users=1)
    for data, n_items in ((nothing, 0), (nothing, 1), (something, 1), (nothing, N_ITEMS)):
        model = make(name).fit(data, shops.catalog(n_items))

        for profile in (Profile.empty(shops.START), shops.profile(something, 0)):
            assert set(model.recommend(profile, Context(), 3).items.tolist()) <= set(range(n_items))


@every
@pytest.mark.parametrize("column", ["times", "weights", "values"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(name: str, column: str, bad: float) -> None:
    data = shops.checkerboard()
    spoiled = getattr(data, column).copy()
    spoiled[3] = bad

    with pytest.raises(ValueError, match=column):
        make(name).fit(replace(data, **{column: spoiled}), shops.catalog(N_ITEMS))


@every
def test_codes_outside_the_catalog_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="items"):
        make(name).fit(shops.checkerboard(), shops.catalog(3))


@every
def test_a_second_fit_forgets_the_first(name: str, shoppers: list[Profile]) -> None:
    other = shops.checkerboard(n_users=8, n_items=30, baskets=1)
    data, catalog = shops.checkerboard(), shops.catalog(N_ITEMS)

    again = make(name).fit(other, shops.catalog(30)).fit(data, catalog)
    fresh = make(name).fit(data, catalog)

    assert digest_of(again) == digest_of(fresh)
    assert all(same(again.recommend(p, Context(), 5), fresh.recommend(p, Context(), 5)) for p in shoppers)


@every
def test_saved_and_loaded_is_the_same_model(
    name: str, fitted: dict[str, Scoring], shoppers: list[Profile], tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    fitted[name].save(first)

    loaded = RECOMMENDERS[name].load(first)
    loaded.save(second)

    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }
    assert loaded.config == fitted[name].config
    assert loaded.learned_until == shops.checkerboard().times.max()
    for context in (Context(), Context(items=(0, 3))):
        assert all(same(loaded.recommend(p, context, 5), fitted[name].recommend(p, context, 5)) for p in shoppers)
    assert {path.suffix for path in first.iterdir()} <= {".npz", ".json"}


@every
def test_another_recommenders_files_are_refused(name: str, fitted: dict[str, Scoring], tmp_path: Path) -> None:
    fitted[name].save(tmp_path)
    other = next(recommender for key, recommender in RECOMMENDERS.items() if key != name)

    with pytest.raises(ValueError, match=name):
        other.load(tmp_path)


@every
def test_settings_of_another_time_are_refused(name: str, fitted: dict[str, Scoring], tmp_path: Path) -> None:
    fitted[name].save(tmp_path)
    statistics = tmp_path / "recommender.json"
    statistics.write_text(statistics.read_text(encoding="utf-8").replace('"seed"', '"sead"'), encoding="utf-8")

    with pytest.raises(ValueError, match="sead"):
        RECOMMENDERS[name].load(tmp_path)


ELSEWHERE = """
import sys
from pathlib import Path
from typing import Any
from recsys.data.profile import Context
from recsys.sources.registry import RECOMMENDERS
from tests.recsys import shops
for name in sys.argv[2:]:
    model = RECOMMENDERS[name].load(Path(sys.argv[1]) / name)
    ranked = model.recommend(shops.profile(shops.checkerboard(), 3), Context(), 5)
    print(name, ranked.items.tolist(), ranked.scores.tolist())
"""


def test_another_process_answers_alike(fitted: dict[str, Scoring], shoppers: list[Profile], tmp_path: Path) -> None:
    lines = []
    for name in sorted(fitted):
        (tmp_path / name).mkdir()
        fitted[name].save(tmp_path / name)
        ranked = fitted[name].recommend(shoppers[3], Context(), 5)
        lines.append(f"{name} {ranked.items.tolist()} {ranked.scores.tolist()}")

    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path), *sorted(fitted)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)

    assert answer.stdout.splitlines() == lines


@every
def test_settings_are_json_and_the_search_space_names_them(name: str) -> None:
    recommender = RECOMMENDERS[name]
    settings = vars(recommender.config_class())

    assert set(recommender.SEARCH_SPACE) | recommender.SERVE_TIME <= set(settings)
    assert all(space[0] in {"float", "int", "choice"} for space in recommender.SEARCH_SPACE.values())
    for start in recommender.STARTS:
        for key, value in start.items():
            kind, *result = recommender.SEARCH_SPACE[key]
            within = value in result[0] if kind == "choice" else result[0] <= value <= result[1]
            assert within, f"a start says {key} {value}, the search looks in {result}"


def test_no_recommender_imports_the_web() -> None:
    code = "import sys\nfrom recsys.sources.registry import RECOMMENDERS as all\n"
    code += "[recommender() for recommender in all.values()]\nprint(*sys.modules)"

    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {name.split(".")[0] for name in modules} & {"django", "rest_framework", "celery", "channels", "torch"}


def kinds(of: type) -> Iterator[Any]:
    """Yield the recommenders of the package that can be made, of a class and those derived from it."""
    kind: type
    for kind in of.__subclasses__():
        if kind.__module__.startswith(recommenders.__name__) and not isabstract(kind):
            yield kind
        yield from kinds(kind)


def digest_of(model: Scoring) -> dict[str, str]:
    """Return a digest of each array."""
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in model.arrays.items()}


def test_interactions_know_their_length() -> None:
    data: Interactions = shops.checkerboard()

    assert len(data) == len(data.items) == 200
