"""Fits the clusters on the profiles of today, and keeps the segment of each cluster that goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from django.conf import settings
from django.db import transaction

from common import clock
from common.errors import Conflict
from profiles.models import Segment, SegmentClustering, SegmentJob, SegmentKind
from profiles.segments.online.clustering import Clustering, Engine, Labels, learn, start, with_clusters
from profiles.segments.online.description import description, differences, name
from profiles.segments.online.features import MIN_INTERACTIONS, NEEDED_TRAITS, Rows, features_for, vector
from profiles.segments.online.identity import keys_after, matches
from profiles.segments.online.number import best_number, silhouettes
from profiles.segments.online.scale import Scale
from profiles.selectors.segments import CLUSTER_KEY
from profiles.services.segment_fill import determine_all
from profiles.services.segment_scan import Progress, list_subjects, people
from profiles.services.segments import announce
from profiles.shopper_states import ProductCache, states_of

FEWEST_SHOPPERS: Final = 100
MOST_SHOPPERS: Final = 200_000
"""More are not read: a fit needs no more, and memory stays bounded."""
BATCH: Final = 1_000
KEPT_FITS: Final = 30
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Fit:
    """A new clustering, the lasting number of each cluster, and what is reported of it."""

    clustering: Clustering
    keys: list[int]
    report: dict[str, Any]


def refit(job: SegmentJob, progress: Progress) -> Mapping[str, Any]:
    """Fit, store the segments of the clusters, and determine everybody's. Raises Conflict with too few shoppers."""
    shoppers = trait_values(lambda step, share: progress(step, 0.4 * share))
    if len(shoppers) < FEWEST_SHOPPERS:
        raise Conflict(
            f"{len(shoppers)} shoppers have {MIN_INTERACTIONS} interactions or more; clusters need {FEWEST_SHOPPERS}."
        )
    progress("Fitting clusters", 0.4)
    fit = new_fit(shoppers, SegmentClustering.objects.first())
    store(fit)
    determine_all(lambda step, share: progress(step, 0.5 + 0.5 * share))
    return {**fit.report, "message": f"{fit.clustering.n_clusters} segments of {len(shoppers):,} shoppers"}


def trait_values(progress: Progress) -> list[Mapping[str, Any]]:
    """Return the traits of all shoppers with enough interactions who allow personalization."""
    list_subjects()
    cache, shoppers = ProductCache(), []
    for batch in people(progress, step="Reading profiles"):
        active = [person for person in batch if len(person.history) >= MIN_INTERACTIONS]
        states = states_of(active, NEEDED_TRAITS, cache=cache, now=clock.epoch_us())
        shoppers += [state.traits for state in states if state.history]
        if len(shoppers) >= MOST_SHOPPERS:
            break
    return shoppers


def new_fit(shoppers: Sequence[Mapping[str, Any]], latest: SegmentClustering | None) -> Fit:
    """Return the next fit: the latest one after more batches, or a first one."""
    engine = cast("Engine", settings.SEGMENT_ENGINE)
    before = Clustering.from_json(latest.state) if latest else None
    if before is not None and before.engine != engine:
        before = None  # another engine starts anew; members decide which segments go on
    features = before.features if before else features_for(shoppers[:BATCH])
    rows = np.asarray([vector(traits, features) for traits in shoppers])
    rows = rows[np.lexsort(rows.T)]  # Redis scans in an order of its own, which a fit must not depend on
    rows = rows[np.random.default_rng(SEED).permutation(len(rows))]
    scale = before.scale if before else Scale.of(rows)
    scores = silhouettes(scale.standardized(rows), seed=SEED)
    number = best_number(scores, current=before.n_clusters if before else None)
    if before is None:
        clustering = start(rows, features, n_clusters=number, engine=engine, seed=SEED)
    else:
        clustering = before
        for first in range(0, len(rows), BATCH):
            clustering = learn(clustering, rows[first : first + BATCH], seed=SEED)
        if number != clustering.n_clusters:
            clustering = with_clusters(clustering, rows, n_clusters=number, seed=SEED)
    labels = clustering.assign(rows)
    keys, share = _identity(latest, rows, labels, clustering)
    counts = np.bincount(labels, minlength=clustering.n_clusters)
    report = {
        "silhouettes": {str(count): round(score, 4) for count, score in scores.items()},
        "sizes": {str(key): int(size) for key, size in zip(keys, counts, strict=True)},
        "kept_share": share,
        "shoppers": len(rows),
        "engine": engine,
    }
    return Fit(clustering, keys, report)


def _identity(
    latest: SegmentClustering | None, rows: Rows, labels: Labels, clustering: Clustering
) -> tuple[list[int], float | None]:
    """Return the lasting number of each cluster, and the share of shoppers who stay in their segment."""
    next_key = (Segment.objects.filter(cluster__isnull=False).order_by("-cluster").values_list("cluster", flat=True))[
        :1
    ]
    fresh = (next_key[0] or 0) + 1 if next_key else 1
    if latest is None:
        return list(range(fresh, fresh + clustering.n_clusters)), None
    old = Clustering.from_json(latest.state)
    if old.features != clustering.features:
        return list(range(fresh, fresh + clustering.n_clusters)), None
    before = old.assign(rows)
    old_of = matches(before, labels, n_before=old.n_clusters, n_after=clustering.n_clusters)
    keys = keys_after(latest.keys, old_of, next_key=fresh)
    return keys, float(np.mean(np.asarray(latest.keys)[before] == np.asarray(keys)[labels]))


@transaction.atomic
def store(fit: Fit) -> None:
    """Write a fit and the segments of its clusters; those of clusters that ended are switched off."""
    existing = {row.cluster: row for row in Segment.objects.select_for_update().filter(kind=SegmentKind.CLUSTER)}
    used_names = {row.name for row in existing.values() if row.cluster in fit.keys}
    for key, own_differences in zip(fit.keys, differences(fit.clustering), strict=True):
        if (row := existing.get(key)) is None:
            row = Segment(
                key=f"{CLUSTER_KEY}{key}",
                kind=SegmentKind.CLUSTER,
                cluster=key,
                name=name(own_differences, other_names=used_names),
            )
            used_names.add(row.name)
        row.description = description(own_differences)
        row.save()
    Segment.objects.filter(kind=SegmentKind.CLUSTER).exclude(cluster__in=fit.keys).update(active=False)
    SegmentClustering.objects.create(state=fit.clustering.to_json(), keys=fit.keys, report=fit.report)
    old = SegmentClustering.objects.values_list("pk", flat=True)[KEPT_FITS:]
    SegmentClustering.objects.filter(pk__in=list(old)).delete()
    transaction.on_commit(announce)
