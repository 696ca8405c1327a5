"""The benchmark of half-lives, briefly: its rows, not its figures."""

import pytest

from bench.half_lives import compare
from recsys.data.dataset import build
from recsys.evaluation.evaluate import Options, folds_of
from tests.recsys.seasonal_shop import seasonal_history


def test_it_prints_untuned_beside_tuned(capsys: pytest.CaptureFixture[str]) -> None:
    folds = folds_of(build(seasonal_history()), Options())

    compare(folds, budget_s=0.5, names=("popular", "rp3beta", "trending"))

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["single", "blend", "hybrid", "single:"]
    assert all("untuned 0." in line and "tuned 0." in line for line in lines[:3])
