"""The factorization of `als` by Apache Spark, for more data than one machine can train on (extra [spark], Java).

Source: Hu, Koren, Volinsky 2008, as implemented by `pyspark.ml.recommendation.ALS`: in blocks, with regularization
times the number of cells of a shopper or item. A cell counts 1 + alpha · weight, in `als` alpha · weight. Cells and
factors are exchanged as Parquet files. Only item factors are stored; shoppers are folded in by Spark's equation.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.arrays import Floats
from recsys.sources.als import ALS, ALSConfig
from recsys.sources.base import Config
from recsys.sources.factors import Factors
from recsys.sources.matrix import Matrix
from recsys.sources.scoring import PlainReason, SearchSpace, Use

ROW_GROUP = 1_000_000
CHECKPOINT_INTERVAL = 5
"""Spark checkpoints after so many iterations; without it, the lineage overflows Java's stack at about the twentieth."""


@dataclass(frozen=True)
class SparkALSConfig(ALSConfig):
    """`master` is Spark's address: "local[*]" uses all cores of this machine, "spark://host:7077" a cluster.

    `shared` is a folder that driver and workers can access, for exchange of data; "" is a temporary local one. `blocks`
    is the number of parts of shoppers and of items; use more for more machines. `ridge` counts once per cell.
    """

    ridge: float = 0.05
    master: str = "local[*]"
    shared: str = ""
    memory: str = "2g"
    blocks: int = 4


class SparkALS(ALS):
    """Factors of shoppers and items, trained on the machines of a Spark cluster."""

    name: ClassVar[str] = "spark_als"
    use: ClassVar[Use] = "optional"
    plain_reason: ClassVar[PlainReason | None] = "predicted_rating"
    config_class: ClassVar[type[Config]] = SparkALSConfig
    config: SparkALSConfig
    needs: ClassVar[tuple[str, ...]] = ("pyspark",)
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = Factors.STARTS  # a ridge per cell is on another scale than ALS's
    SEARCH_SPACE: ClassVar[SearchSpace] = {**ALS.SEARCH_SPACE, "ridge": ("float", 0.001, 1.0, True)}

    @classmethod
    def installed(cls) -> bool:
        """Return whether PySpark and Java are installed."""
        return super().installed() and bool(environ.get("JAVA_HOME") or shutil.which("java"))

    def ridge(self, n_cells: int) -> float:
        """Return the value that Spark adds to the diagonal for a shopper with `n_cells` items."""
        return self.config.ridge * n_cells

    def _factorize(self, confidence: Matrix) -> Floats:
        """Return float32[n_items, factors], zeros for items without cells."""
        vectors = np.zeros((confidence.shape[1], self.config.factors), np.float32)
        if not confidence.nnz:
            return vectors
        with tempfile.TemporaryDirectory(dir=self.config.shared or None) as scratch, _session(self.config) as spark:
            cells, factors = Path(scratch, "cells.parquet"), Path(scratch, "factors")
            _write_cells(confidence, cells)
            if spark.sparkContext.getCheckpointDir() is None:
                spark.sparkContext.setCheckpointDir(Path(scratch, "checkpoints").as_uri())
            model = _als(self.config).fit(spark.read.parquet(cells.as_uri()))
            model.itemFactors.write.parquet(factors.as_uri())
            item_factors = pq.read_table(factors)
        items = item_factors["id"].to_numpy()
        vectors[items] = item_factors["features"].combine_chunks().flatten().to_numpy().reshape(len(items), -1)
        return vectors


def _write_cells(confidence: Matrix, path: Path) -> None:
    cells = confidence.tocoo()
    columns = {"user": cells.row.astype(np.int32), "item": cells.col.astype(np.int32), "weight": cells.data}
    pq.write_table(pa.table(columns), path, row_group_size=ROW_GROUP)


def _als(config: SparkALSConfig) -> Any:
    with warnings.catch_warnings():  # PySpark warns of new pandas versions; pandas is not used here
        warnings.simplefilter("ignore", FutureWarning)
        from pyspark.ml import recommendation

    return recommendation.ALS(
        rank=config.factors,
        maxIter=config.epochs,
        regParam=config.ridge,
        alpha=1.0,  # the weights carry it
        implicitPrefs=True,
        numUserBlocks=config.blocks,
        numItemBlocks=config.blocks,
        userCol="user",
        itemCol="item",
        ratingCol="weight",
        seed=config.seed,
        checkpointInterval=CHECKPOINT_INTERVAL,
    )


@contextmanager
def _session(config: SparkALSConfig) -> Iterator[Any]:
    """Yield the active Spark session, or a new one that is stopped afterwards."""
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    spark = active or _new_session(SparkSession, config)
    try:
        yield spark
    finally:
        if active is None:
            spark.stop()


def _new_session(kind: Any, config: SparkALSConfig) -> Any:
    settings = {
        "spark.driver.memory": config.memory,
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(config.blocks),
        "spark.default.parallelism": str(config.blocks),
    }
    if config.master.startswith("local"):
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return kind.builder.appName("vitrine").master(config.master).config(map=settings).getOrCreate()
