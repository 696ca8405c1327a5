"""Clusters that learn in batches: mini-batch k-means and BIRCH. Pure.

The state is arrays in the units of the features: prototypes, the cluster of each, and their weights. k-means has one
prototype for each cluster; BIRCH has many small ones, which weighted k-means groups. A state is JSON, never pickle.
"""

import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from profiles.segments.online.features import Feature, Rows, feature_of
from profiles.segments.online.scale import Scale

Engine = Literal["kmeans", "birch"]
ENGINES: Final[dict[Engine, str]] = {"kmeans": "Mini-batch k-means", "birch": "BIRCH"}
Labels = NDArray[np.int64]
MOST_WEIGHT: Final = 200_000.0
"""What a prototype learned before counts as at most so many rows in all, so that clusters follow changed behavior."""
MOST_PROTOTYPES: Final = 400
FIRST_THRESHOLD: Final = 0.5
"""BIRCH's first radius of a prototype, in standard deviations for each feature."""
CHUNK: Final = 20_000


@dataclass(frozen=True, slots=True)
class Clustering:
    """The state of one clustering.

    `prototypes`: `float64[n_prototypes, n_features]` in the features' own units. `cluster_of` and `weights` have one
    entry for each prototype. `threshold` is BIRCH's radius.
    """

    engine: Engine
    features: tuple[Feature, ...]
    scale: Scale
    prototypes: Rows
    cluster_of: Labels
    weights: NDArray[np.float64]
    threshold: float = FIRST_THRESHOLD

    @property
    def n_clusters(self) -> int:
        """The number of clusters."""
        return int(self.cluster_of.max()) + 1

    def assign(self, rows: Rows) -> Labels:
        """Return the cluster of each row: the nearest center (BIRCH's fourth phase, Zhang et al. 1996)."""
        return _nearest(self.scale.standardized(rows), self.scale.standardized(self.centers()))

    def centers(self) -> Rows:
        """Return the weighted mean of each cluster's prototypes, in the features' own units."""
        return _means(self.prototypes, self.cluster_of, self.weights, self.n_clusters)

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return {
            "engine": self.engine,
            "features": [one.path for one in self.features],
            "scale": [part.tolist() for part in (self.scale.count, self.scale.mean, self.scale.squares)],
            "prototypes": self.prototypes.tolist(),
            "cluster_of": self.cluster_of.tolist(),
            "weights": self.weights.tolist(),
            "threshold": self.threshold,
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Clustering":
        """Return the clustering of a stored state. Raises LookupError or ValueError for a damaged one."""
        features = tuple(feature_of(path) for path in state["features"])
        prototypes = np.asarray(state["prototypes"], np.float64).reshape(-1, len(features))
        clustering = cls(
            engine=state["engine"],
            features=features,
            scale=Scale(*(np.asarray(part, np.float64) for part in state["scale"])),
            prototypes=prototypes,
            cluster_of=np.asarray(state["cluster_of"], np.int64),
            weights=np.asarray(state["weights"], np.float64),
            threshold=float(state["threshold"]),
        )
        if clustering.engine not in ENGINES or not len(prototypes) == len(clustering.cluster_of) > 0:
            raise ValueError("the stored clusters are damaged")
        return clustering


def one_thread() -> AbstractContextManager[Any]:
    """Limit numeric libraries to one thread: threads that wait for a busy core made k-means seven times slower."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits


def start(rows: Rows, features: tuple[Feature, ...], *, n_clusters: int, engine: Engine, seed: int) -> Clustering:
    """Return a first clustering of the rows."""
    scale = Scale.of(rows)
    standard = scale.standardized(rows)
    if engine == "kmeans":
        centers, labels = _kmeans(standard, n_clusters, seed=seed)
        weights = np.bincount(labels, minlength=len(centers)).astype(np.float64)
        return Clustering(engine, features, scale, scale.plain(centers), np.arange(len(centers)), weights)
    threshold = FIRST_THRESHOLD * float(np.sqrt(len(features)))
    centers, threshold = _subclusters(standard, threshold)
    weights = np.bincount(_nearest(standard, centers), minlength=len(centers)).astype(np.float64)
    _, cluster_of = _kmeans(centers, n_clusters, seed=seed, weights=weights)
    return Clustering(engine, features, scale, scale.plain(centers), cluster_of, weights, threshold)


def learn(clustering: Clustering, rows: Rows, *, seed: int) -> Clustering:
    """Return the clustering after one more batch of rows; its clusters move and keep their numbers."""
    if not len(rows):
        return clustering
    moved = replace(clustering, scale=clustering.scale.with_rows(rows), weights=_limited(clustering.weights))
    return (_learn_kmeans if clustering.engine == "kmeans" else _learn_birch)(moved, rows, seed=seed)


def with_clusters(clustering: Clustering, rows: Rows, *, n_clusters: int, seed: int) -> Clustering:
    """Return a clustering of another number of clusters, on the same features; the scale is kept."""
    fresh = start(rows, clustering.features, n_clusters=n_clusters, engine=clustering.engine, seed=seed)
    return replace(fresh, scale=clustering.scale)


def _learn_kmeans(clustering: Clustering, rows: Rows, *, seed: int) -> Clustering:
    from sklearn.cluster import MiniBatchKMeans

    centers = clustering.scale.standardized(clustering.prototypes)
    standard = clustering.scale.standardized(rows)
    # Weighted centers as the first batch restore the counts of a stored state, by the library's public interface.
    model = MiniBatchKMeans(len(centers), init=centers, n_init=1, reassignment_ratio=0.0, random_state=seed)
    with one_thread():
        model.partial_fit(centers, sample_weight=np.maximum(clustering.weights, 1.0))
        model.partial_fit(standard)
    weights = clustering.weights + np.bincount(_nearest(standard, model.cluster_centers_), minlength=len(centers))
    return replace(clustering, prototypes=clustering.scale.plain(model.cluster_centers_), weights=weights)


def _learn_birch(clustering: Clustering, rows: Rows, *, seed: int) -> Clustering:
    standard = clustering.scale.standardized(rows)
    before = clustering.scale.standardized(clustering.prototypes)
    centers, threshold = _subclusters(standard, clustering.threshold, before=before)
    weights = np.bincount(_nearest(standard, centers), minlength=len(centers)).astype(np.float64)
    np.add.at(weights, _nearest(before, centers), clustering.weights)
    own = clustering.scale.standardized(clustering.centers())
    _, cluster_of = _kmeans(centers, len(own), seed=seed, weights=weights, init=own)
    prototypes = clustering.scale.plain(centers)
    return replace(clustering, prototypes=prototypes, cluster_of=cluster_of, weights=weights, threshold=threshold)


def _subclusters(standard: Rows, threshold: float, *, before: Rows | None = None) -> tuple[Rows, float]:
    """Return BIRCH's prototypes and the radius that kept them few enough."""
    from sklearn.cluster import Birch

    while True:
        model = Birch(threshold=threshold, n_clusters=None)
        for part in ([] if before is None else [before]) + [
            standard[start : start + CHUNK] for start in range(0, len(standard), CHUNK)
        ]:
            model.partial_fit(part)
        centers: Rows = model.subcluster_centers_
        if len(centers) <= MOST_PROTOTYPES:
            return centers, threshold
        threshold *= 1.3


def _kmeans(
    rows: Rows, n_clusters: int, *, seed: int, weights: NDArray[np.float64] | None = None, init: Rows | None = None
) -> tuple[Rows, Labels]:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    count = min(n_clusters, len(np.unique(rows, axis=0)))
    model = KMeans(
        count,
        init="k-means++" if init is None or len(init) != count else init,
        n_init=5 if init is None or len(init) != count else 1,
        random_state=seed,
    )
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, sample_weight=None if weights is None else np.maximum(weights, 1e-9))
    return model.cluster_centers_, model.labels_.astype(np.int64)


def _nearest(rows: Rows, centers: Rows) -> Labels:
    lengths = (centers**2).sum(axis=1)
    parts = [
        (lengths - 2 * rows[start : start + CHUNK] @ centers.T).argmin(axis=1) for start in range(0, len(rows), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _means(rows: Rows, labels: Labels, weights: NDArray[np.float64], count: int) -> Rows:
    sums = np.zeros((count, rows.shape[1]))
    np.add.at(sums, labels, rows * weights[:, None])
    totals = np.bincount(labels, weights=weights, minlength=count)
    means: Rows = sums / np.maximum(totals, 1e-12)[:, None]
    return means


def _limited(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    limited: NDArray[np.float64] = weights * min(1.0, MOST_WEIGHT / max(1.0, float(weights.sum())))
    return limited
