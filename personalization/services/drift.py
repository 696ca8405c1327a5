"""The nightly watch: is what shoppers do, and what they are shown, still what the live model learnt from?"""

import logging
from dataclasses import asdict
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from django.db import transaction

from common import clock
from events.selectors import training_frame
from events.shown import shown_products
from personalization.models import AlarmKind, ModelDrift, ModelState, ModelVersion
from personalization.ranking import artefact
from personalization.ranking.facts import COLUMNS
from personalization.recommenders.base import SIGNAL_NAMES
from personalization.selectors.registry import directory_of
from personalization.services.alarms import sound
from personalization.services.data_gate import profile_of
from personalization.services.figures import storable
from personalization.training.cleaning import declared_bots
from personalization.training.drift import day_of, shown_by, standings
from personalization.training.metrics import Longs
from personalization.training.quality_gate import Check, drifted, served

DAY, WEEK = timedelta(days=1), timedelta(days=7)
POPULAR = COLUMNS.index("popular_28d")
log = logging.getLogger(__name__)


def watch_drift(*, actor: str) -> ModelDrift | None:
    """Hold the last day against the live version's training, keep what was found, raise the alarm or settle it.

    Returns None where no model is live, its artefact is not what was registered, or the day had too little traffic.
    """
    live, now = ModelVersion.objects.filter(state=ModelState.CHAMPION).first(), clock.now()
    known = _standings(live) if live else None
    if live is None or known is None:
        return None
    frame = training_frame(since=now - DAY)
    frame = frame[~declared_bots(frame)]  # training, which the day is held against, learns from none either
    checks = [*_traffic(live, frame, known, now=now), *_slates(known, now=now)]
    if not checks:
        log.info("model.drift_unknown version=%s rows=%d", live.version, len(frame))
        return None
    with transaction.atomic():
        sound(AlarmKind.DRIFT, checks, actor=actor, version=live)
        told = storable([asdict(one) for one in checks])
        return ModelDrift.objects.create(model_version=live, taken_at=now, rows=len(frame), checks=told)


def _standings(version: ModelVersion) -> "pd.Series[int] | None":
    """Return how popular each product was when the version was trained, as its bin, by product id."""
    directory = directory_of(version)
    try:
        artefact.unseal(directory, expected=version.artefact_hash)
    except artefact.ArtefactError as error:
        log.error("model.champion_unreadable version=%s error=%s", version.version, error)
        return None
    ids = artefact.read_catalogue(directory).item_ids
    popular = artefact.read_facts(directory).table[:, POPULAR].astype(np.float64)
    return pd.Series(standings(popular), index=pd.Index(ids, dtype=object))


def _traffic(live: ModelVersion, frame: pd.DataFrame, known: "pd.Series[int]", *, now: datetime) -> list[Check]:
    """Return the checks of what shoppers did; [] where the version knows no usual day."""
    usual = (profile_of(live) or {}).get("day")
    if not usual or not len(frame):
        return []
    codes = {name: code for code, name in enumerate(SIGNAL_NAMES)}
    shoppers, _ = pd.factorize(frame["user_id"])
    day = day_of(
        frame["event"].map(codes).fillna(0).to_numpy(np.int64),
        shoppers.astype(np.int64),
        np.maximum(now.timestamp() - frame["timestamp"].to_numpy(np.float64), 0.0),
        _bins(frame["item_id"], known),
    )
    return drifted(usual, day)


def _slates(known: "pd.Series[int]", *, now: datetime) -> list[Check]:
    """Return the check of what was shown in the last day against the week before it."""
    before, after = (
        shown_products(since=since, before=end) for since, end in ((now - WEEK, now - DAY), (now - DAY, now))
    )
    bins = [
        shown_by(_bins(pd.Series(list(counts), dtype=object), known), np.fromiter(counts.values(), np.float64))
        for counts in (before, after)
    ]
    return served(bins[0], bins[1])


def _bins(product_ids: "pd.Series[str]", known: "pd.Series[int]") -> Longs:
    """Return the bin of each product; one that training did not know is among the untouched."""
    last = int(standings(np.zeros(1))[0])
    return np.asarray(product_ids.map(known).fillna(last), np.int64)
