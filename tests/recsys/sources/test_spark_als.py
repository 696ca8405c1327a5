"""What `spark_als` promises beside the behavior suite: the equation it folds in by, whose Spark, and where it runs."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from recsys.data.profile import Context, Profile
from recsys.sources import scoring, spark_als
from recsys.sources.registry import available, make
from recsys.sources.spark_als import SparkALS, SparkALSConfig
from tests.recsys import shops

NOBODY = Profile.empty(shops.START)
PLAIN: dict[str, Any] = {
    "factors": 4, "epochs": 20, "damping": 1.0, "popularity_power": 0.0, "matrix_half_life_days": 0.0,
}  # fmt: skip
with_spark = pytest.mark.skipif(
    "spark_als" not in available(), reason="its extra is not installed: make test-spark brings it"
)


def test_cells_are_handed_over_as_columns(tmp_path: Path) -> None:
    cells = sparse.csr_matrix(np.array([[0, 2.5, 0], [1, 0, 3]], np.float32))

    spark_als._write_cells(cells, tmp_path / "cells.parquet")

    table = pq.read_table(tmp_path / "cells.parquet")
    assert [str(field.type) for field in table.schema] == ["int32", "int32", "float"]
    assert table.to_pydict() == {"user": [0, 1, 1], "item": [1, 0, 2], "weight": [2.5, 1.0, 3.0]}


def test_without_java_or_pyspark_it_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)

    def offered(*, module: bool, java: bool) -> bool:
        monkeypatch.setattr(scoring, "find_spec", lambda name: name if module else None)
        monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if java else None)
        return SparkALS.installed()

    assert offered(module=True, java=True)
    assert not offered(module=True, java=False)
    assert not offered(module=False, java=True)


def test_without_interactions_no_spark_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_als, "_session", None)

    model = make("spark_als").fit(shops.interactions([], n_users=0), shops.catalog(3))

    assert not model.arrays["vectors"].any()


def test_products_without_a_vector_add_nothing_to_the_ridge() -> None:
    """Of 15 products the last three were never touched. Vectors that `als` learnt are folded in as Spark's are."""
    data, catalog = shops.checkerboard(), shops.catalog(15)
    model = SparkALS(SparkALSConfig(factors=4, epochs=5))
    model.n_items, model.arrays = 15, make("als", factors=4, epochs=5).fit(data, catalog).arrays
    model.prepare()

    known, more, others = (model.scores(NOBODY, Context(items=items)) for items in ((0, 2), (0, 2, 12, 14), (13,)))

    np.testing.assert_allclose(more, known, rtol=1e-5)
    assert known.any()
    assert not others.any()


@pytest.mark.spark
@with_spark
def test_a_folded_in_shopper_solves_the_equation_that_spark_solved() -> None:
    data = shops.checkerboard()
    model = make("spark_als", **PLAIN).fit(data, shops.catalog(12))
    assert isinstance(model, SparkALS)

    bought = [np.unique(data.items[data.users == user]) for user in range(data.n_users)]
    shoppers = np.stack([model.fold_in((items, np.ones(len(items)))) for items in bought]).astype(np.float64)
    again = np.stack([_solved(shoppers, [u for u in range(20) if item in bought[u]], model) for item in range(12)])

    np.testing.assert_allclose(again, model.vectors, atol=0.02 * np.abs(model.vectors).max())


def _solved(shoppers: np.ndarray, buyers: list[int], model: SparkALS) -> np.ndarray:
    """Return the vector of an item by the textbook: all cells count 1, those of buyers alpha more."""
    chosen, alpha = shoppers[buyers], model.config.alpha
    gram = shoppers.T @ shoppers + alpha * chosen.T @ chosen + model.ridge(len(buyers)) * np.eye(4)
    solution: np.ndarray = np.linalg.solve(gram, (1 + alpha) * chosen.sum(axis=0))
    return solution


@pytest.mark.spark
@with_spark
def test_a_session_that_was_there_before_is_used_and_left_alone() -> None:
    from pyspark.sql import SparkSession

    with spark_als._session(spark_als.SparkALSConfig()) as ours:
        make("spark_als", **PLAIN).fit(shops.checkerboard(), shops.catalog(12))

        assert SparkSession.getActiveSession() is ours
        assert ours.range(3).count() == 3
    assert SparkSession.getActiveSession() is None
