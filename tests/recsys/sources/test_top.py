"""The best few of many scores, found without putting all of them in order."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.arrays import Floats
from recsys.data.profile import Context, Profile
from recsys.sources import top

N_ITEMS = 400


def scores(kind: str, rng: np.random.Generator) -> Floats:
    drawn = rng.normal(size=N_ITEMS)
    if kind == "ties":
        drawn = np.round(drawn)
    elif kind == "few":
        drawn[rng.random(N_ITEMS) < 0.97] = 0
    elif kind == "negative":
        drawn = -np.abs(drawn)
    return drawn.astype(np.float32)


@pytest.mark.parametrize("k", [0, 1, 7, 60, 500])
@pytest.mark.parametrize("kind", ["dense", "ties", "few", "negative"])
def test_the_best_are_those_of_a_whole_sort(monkeypatch: pytest.MonkeyPatch, kind: str, k: int) -> None:
    monkeypatch.setattr(top, "MAX_INSERTED", 50)
    rng = np.random.default_rng(k)
    for allowed in (None, rng.random(N_ITEMS + 3) < 0.5, np.zeros(N_ITEMS, np.bool_)):
        line = scores(kind, rng)
        known = np.argsort(-line, kind="stable")[:9].astype(np.int32)  # the best of all are known already
        profile = replace(Profile.empty(0.0), items=np.append(known, np.int32(N_ITEMS + 50)))
        context = Context(allowed=allowed, exclude=(3, N_ITEMS + 1), seen_allowed=False)

        result = top.top_k(line, profile, context, k, drop=(4,))

        permitted = np.ones(N_ITEMS, np.bool_) if allowed is None else allowed[:N_ITEMS].copy()
        permitted[[3, 4, *known]] = False
        wanted = [at for at in np.argsort(-line, kind="stable").tolist() if permitted[at] and line[at] != 0][:k]
        assert result.items.tolist() == wanted
        assert result.scores.tolist() == line[wanted].tolist()
        some = rng.permutation(np.flatnonzero(line)).astype(np.int32)
        of_some = top.best_of_some(some, line[some], permitted, k)
        assert of_some.items.tolist() == wanted
