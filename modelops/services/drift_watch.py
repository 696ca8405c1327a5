"""The nightly watch: compares traffic with the live model's training data, and checks the served answers."""

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
from modelops.services.alarms import raise_or_settle
from modelops.services.data_checks import data_profile_of
from modelops.services.served_answers import HISTORY, served_checks
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
from recsys.ranking import artifact as artifact
from recsys.ranking.item_statistics import COLUMNS, ItemFacts
from recsys.ranking.model import LOADING_ERRORS

DAY, WEEK = timedelta(days=1), timedelta(days=7)
POPULAR, EVER = COLUMNS.index("popular_28d"), COLUMNS.index("popular_ever")
log = logging.getLogger(__name__)


def watch_drift(*, actor: str, again: bool = False) -> ModelDrift | None:
    """Compare the last day with the live version's training data, and the served answers with the week before.

    Stores the checks, and raises or settles the alarm. With `again`, after a killed attempt, it does nothing if that
    attempt had stored its checks.

    Returns None in that case, without a live model, with an unreadable artifact, and with too little traffic.
    """
    live, now = live_version(), clock.now()
    night = now - timedelta(seconds=settings.SAME_NIGHT)
    if again and ModelDrift.objects.filter(taken_at__gte=night).exists():
        log.info("model.drift_watched_before")
        return None
    training_data = _training_data(live) if live else None
    if live is None or training_data is None:
        return None
    catalogue, item_statistics = training_data
    ids = pd.Index(catalogue.item_ids, dtype=object)
    popularity_bins = pd.Series(standings(item_statistics.table[:, POPULAR].astype(np.float64)), index=ids)
    popularity = pd.Series(np.expm1(item_statistics.table[:, EVER].astype(np.float64)), index=ids)
    frame = training_frame(since=now - HISTORY)
    frame = frame[~declared_bots(frame)]  # training excludes bots too
    day = frame[frame["timestamp"] >= (now - DAY).timestamp()]
    fairness = served_checks(frame, with_removals(_current_catalog(live, catalogue)), popularity, now=now)
    checks = [
        *_volume_checks(frame, now=now),
        *_traffic_checks(live, day, popularity_bins, now=now),
        *_slate_checks(popularity_bins, now=now),
        *fairness,
    ]
    measurements = [one for one in checks if one.grade != "notes"]
    if not measurements:
        log.info("model.drift_unknown version=%s rows=%d", live.version, len(day))
        return None
    with transaction.atomic():
        raise_or_settle(AlarmKind.DRIFT, measurements, actor=actor, version=live)
        stored_checks = storable([asdict(one) for one in checks])
        return ModelDrift.objects.create(model_version=live, taken_at=now, rows=len(day), checks=stored_checks)


def _training_data(version: ModelVersion) -> tuple[Catalogue, ItemFacts] | None:
    """Return catalog and item statistics of the version's training; None if the artifact is altered or unreadable."""
    directory = directory_of(version)
    try:
        artifact.unseal(directory, expected=version.artifact_hash)
        return artifact.read_catalogue(directory), artifact.read_facts(directory)
    except LOADING_ERRORS as error:
        log.error("model.champion_unreadable version=%s error=%s", version.version, error)
        return None


def _current_catalog(version: ModelVersion, training_catalog: Catalogue) -> Catalogue:
    """Return the catalog of the version's increment, else of its training: newer products are served too."""
    increment = increment_of(version)
    if increment is None:
        return training_catalog
    try:
        artifact.unseal(increment.directory, expected=increment.artifact_hash)
        return artifact.read_catalogue(increment.directory)
    except LOADING_ERRORS as error:
        log.error("model.increment_unreadable version=%s error=%s", version.version, error)
        return training_catalog


def _volume_checks(frame: pd.DataFrame, *, now: datetime) -> list[Check]:
    """Return the checks of the number of shoppers per signal: lost tags leave no events that could drift."""
    signals, shoppers, ages = _columns(frame, now=now)
    days = shoppers_a_day(signals, shoppers, ages, days=HISTORY // DAY)
    return fallen(days, ["all signals", *SIGNAL_NAMES])


def _traffic_checks(
    live: ModelVersion, frame: pd.DataFrame, popularity_bins: "pd.Series[int]", *, now: datetime
) -> list[Check]:
    """Return the checks of shoppers' behavior; [] without a usual day in the version's report."""
    usual = (data_profile_of(live) or {}).get("day")
    if not usual or not len(frame):
        return []
    day = day_of(*_columns(frame, now=now), _bins(frame["item_id"], popularity_bins))
    return drifted(usual, day)


def _columns(frame: pd.DataFrame, *, now: datetime) -> tuple[Longs, Longs, Times]:
    """Return each row's signal code, shopper code, and age in seconds."""
    shoppers, _ = pd.factorize(frame["user_id"])
    return (
        frame["event"].map(SIGNAL_CODES).to_numpy(np.int64),
        shoppers.astype(np.int64),
        np.maximum(now.timestamp() - frame["timestamp"].to_numpy(np.float64), 0.0),
    )


def _slate_checks(popularity_bins: "pd.Series[int]", *, now: datetime) -> list[Check]:
    """Return the check of the products shown in the last day against the week before."""
    windows = ((now - WEEK, now - DAY), (now - DAY, now))
    bins = [
        shown_by(
            _bins(pd.Series(list(counts), dtype=object), popularity_bins), np.fromiter(counts.values(), np.float64)
        )
        for counts in (served_counts(since=since, before=end) for since, end in windows)
    ]
    shoppers = min(served_shoppers(since=since, before=end) for since, end in windows)
    return served(bins[0], bins[1], shoppers=shoppers)


def _bins(product_ids: "pd.Series[str]", popularity_bins: "pd.Series[int]") -> Longs:
    """Return the popularity bin of each product; unknown products count as untouched."""
    last = int(standings(np.zeros(1))[0])
    return np.asarray(product_ids.map(popularity_bins).fillna(last), np.int64)
