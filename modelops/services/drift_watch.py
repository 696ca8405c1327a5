"""The nightly watch: is what shoppers do still what the live model learnt from, and what they are served still fair?"""

import logging
from dataclasses import asdict
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from django.conf import settings
from django.db import transaction

from common import clock
from events.selectors import training_frame
from events.served_lists import served_counts, served_shoppers
from modelops.live import directory_of, increment_of
from modelops.models import AlarmKind, ModelDrift, ModelVersion
from modelops.selectors.registry import live_version
from modelops.services.alarms import sound
from modelops.services.data_checks import data_profile_of
from modelops.services.served_answers import NEEDED, served_checks
from modelops.services.shop_data import with_removals
from recsys.arrays import Longs, Times
from recsys.data.catalogue import Catalogue
from recsys.data.cleaning import declared_bots
from recsys.data.data_checks import (
    Check,
    drifted,
    fallen,
    served,
)
from recsys.data.drift import (
    day_of,
    shoppers_a_day,
    shown_by,
    standings,
)
from recsys.data.signals import SIGNAL_CODES, SIGNAL_NAMES
from recsys.evaluation.report_values import storable
from recsys.ranking import artifact
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.model import LOADING_ERRORS

DAY, WEEK = timedelta(days=1), timedelta(days=7)
POPULAR, EVER = COLUMNS.index("popular_28d"), COLUMNS.index("popular_ever")
log = logging.getLogger(__name__)


def watch_drift(*, actor: str, again: bool = False) -> ModelDrift | None:
    """Hold the last day against the live version's training, and what was served against the week before.

    What was found is kept, the alarm raised or settled by it; notes say how much there was to judge by. Asked `again`,
    because who was at it was killed, it does nothing where that one had come to its end.

    Returns None there, and where no model is live, its artefact cannot be read as it was registered, or the day had too
    little traffic.
    """
    live, now = live_version(), clock.now()
    night = now - timedelta(seconds=settings.SAME_NIGHT)
    if again and ModelDrift.objects.filter(taken_at__gte=night).exists():
        log.info("model.drift_watched_before")
        return None
    learnt = _learnt(live) if live else None
    if live is None or learnt is None:
        return None
    catalogue, facts = learnt
    ids = pd.Index(catalogue.item_ids, dtype=object)
    known = pd.Series(standings(facts.table[:, POPULAR].astype(np.float64)), index=ids)
    popularity = pd.Series(np.expm1(facts.table[:, EVER].astype(np.float64)), index=ids)
    frame = training_frame(since=now - NEEDED)
    frame = frame[~declared_bots(frame)]  # training, which the day is held against, learns from none either
    day = frame[frame["timestamp"] >= (now - DAY).timestamp()]
    fairness = served_checks(frame, with_removals(_newest(live, catalogue)), popularity, now=now)
    checks = [*_feed(frame, now=now), *_traffic(live, day, known, now=now), *_slates(known, now=now), *fairness]
    measured = [one for one in checks if one.grade != "notes"]
    if not measured:
        log.info("model.drift_unknown version=%s rows=%d", live.version, len(day))
        return None
    with transaction.atomic():
        sound(AlarmKind.DRIFT, measured, actor=actor, version=live)
        told = storable([asdict(one) for one in checks])
        return ModelDrift.objects.create(model_version=live, taken_at=now, rows=len(day), checks=told)


def _learnt(version: ModelVersion) -> tuple[Catalogue, ItemStatistics] | None:
    """Return the catalogue and the facts as the version was trained; None where they are not what was registered, or
    another release's that this code cannot read."""
    directory = directory_of(version)
    try:
        artifact.unseal(directory, expected=version.artefact_hash)
        return artifact.read_catalogue(directory), artifact.read_statistics(directory)
    except LOADING_ERRORS as error:
        log.error("model.champion_unreadable version=%s error=%s", version.version, error)
        return None


def _newest(version: ModelVersion, trained: Catalogue) -> Catalogue:
    """Return the catalogue that the version's increment knows: products that appeared since the training are served."""
    increment = increment_of(version)
    if increment is None:
        return trained
    try:
        artifact.unseal(increment.directory, expected=increment.artefact_hash)
        return artifact.read_catalogue(increment.directory)
    except LOADING_ERRORS as error:
        log.error("model.increment_unreadable version=%s error=%s", version.version, error)
        return trained


def _feed(frame: pd.DataFrame, *, now: datetime) -> list[Check]:
    """Return the checks of how many shoppers the day's events are of: where tags are lost, nothing is left to drift."""
    signals, shoppers, ages = _columns(frame, now=now)
    days = shoppers_a_day(signals, shoppers, ages, days=NEEDED // DAY)
    return fallen(days, ["all signals", *SIGNAL_NAMES])


def _traffic(live: ModelVersion, frame: pd.DataFrame, known: "pd.Series[int]", *, now: datetime) -> list[Check]:
    """Return the checks of what shoppers did; [] where the version knows no usual day."""
    usual = (data_profile_of(live) or {}).get("day")
    if not usual or not len(frame):
        return []
    day = day_of(*_columns(frame, now=now), _bins(frame["item_id"], known))
    return drifted(usual, day)


def _columns(frame: pd.DataFrame, *, now: datetime) -> tuple[Longs, Longs, Times]:
    """Return each row's signal, its shopper, and how long ago it was, in seconds."""
    shoppers, _ = pd.factorize(frame["user_id"])
    return (
        frame["event"].map(SIGNAL_CODES).to_numpy(np.int64),
        shoppers.astype(np.int64),
        np.maximum(now.timestamp() - frame["timestamp"].to_numpy(np.float64), 0.0),
    )


def _slates(known: "pd.Series[int]", *, now: datetime) -> list[Check]:
    """Return the check of what was shown in the last day against the week before it."""
    windows = ((now - WEEK, now - DAY), (now - DAY, now))
    bins = [
        shown_by(_bins(pd.Series(list(counts), dtype=object), known), np.fromiter(counts.values(), np.float64))
        for counts in (served_counts(since=since, before=end) for since, end in windows)
    ]
    shoppers = min(served_shoppers(since=since, before=end) for since, end in windows)
    return served(bins[0], bins[1], shoppers=shoppers)


def _bins(product_ids: "pd.Series[str]", known: "pd.Series[int]") -> Longs:
    """Return the bin of each product; one that training did not know is among the untouched."""
    last = int(standings(np.zeros(1))[0])
    return np.asarray(product_ids.map(known).fillna(last), np.int64)
