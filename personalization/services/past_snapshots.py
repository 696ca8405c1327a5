"""Snapshots of earlier moments, built anew from versions of model, products, placement and rules."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cachetools import LRUCache

from catalog.product_history import rows_at, why_unknown
from common.clock import from_microseconds
from common.errors import NotFound
from experiments.arms import Assignment
from experiments.selectors.designs import design
from modelops.live import Champion, past_version
from personalization.selectors.past import placement_at, rules_at
from personalization.serving.answer_inputs import AnswerInputs
from personalization.serving.arms import Trial
from personalization.serving.live_counts import LiveCounts
from personalization.serving.snapshot import Snapshot
from profiles.selectors.count_history import PastCounts
from recsys.ranking.model import LOADING_ERRORS, HybridModel

MODELS_KEPT: Final = 2
SNAPSHOTS_KEPT: Final = 4
"""In memory: a model and a snapshot of a large shop take gigabytes."""


class MissingInput(Exception):
    """An input that is no longer kept; the message names it."""


@dataclass(slots=True)
class PastSnapshots:
    """Builds the snapshot that an answer was given from. Answers of one time share what was built."""

    _models: LRUCache[Hashable, HybridModel] = field(default_factory=lambda: LRUCache(MODELS_KEPT))
    _bases: LRUCache[Hashable, Snapshot] = field(default_factory=lambda: LRUCache(SNAPSHOTS_KEPT))
    _counts: PastCounts = field(default_factory=PastCounts)
    _latest: tuple[Hashable, Snapshot] | None = None

    def of(self, inputs: AnswerInputs, *, model_version: str | None, placement: str) -> Snapshot:
        """Return the snapshot. Raises MissingInput, which names the missing input."""
        key = (inputs.provenance, model_version, placement, inputs.placement_version)
        if self._latest is None or self._latest[0] != key:
            self._latest = key, self._build(inputs, model_version, placement)
        return self._latest[1]

    def _build(self, inputs: AnswerInputs, model_version: str | None, placement: str) -> Snapshot:
        origin = inputs.provenance
        config = placement_at(placement, inputs.placement_version)
        if config is None:
            raise MissingInput(f"version {inputs.placement_version} of the placement {placement}")
        snapshot = self._base(inputs, model_version).with_rules(rules_at(origin.rules))
        snapshot = snapshot.at(from_microseconds(origin.on_sale_us), placements={placement: config})
        if origin.counts is None:
            return snapshot
        position, day = origin.counts
        counts = self._counts.at(position)
        if counts is None:
            raise MissingInput("the live counts of that moment: their history is not kept, or not written yet")
        recent = LiveCounts.past(counts, day=day).recent_counts(snapshot.serving_catalog.codes, snapshot.weights)
        return snapshot.with_recent_counts(recent, version=1)

    def _base(self, inputs: AnswerInputs, model_version: str | None) -> Snapshot:
        """Return the products of the moment under the model, without rules, placements and live counts."""
        origin = inputs.provenance
        key = model_version, origin.artifact, origin.increment, origin.catalog
        base = self._bases.get(key)
        if base is None:
            bundle = None if model_version is None else self._model(model_version, inputs)
            if origin.catalog is not None and (why := why_unknown(origin.catalog, from_microseconds(inputs.now_us))):
                raise MissingInput(f"the catalog of that moment: {why}")
            base = self._bases[key] = Snapshot.build(
                bundle=bundle,
                model_version=model_version,
                rows=() if origin.catalog is None else rows_at(origin.catalog),
                placements={},
                rules=(),
                now=from_microseconds(origin.on_sale_us),
            )
        return base

    def _model(self, version: str, inputs: AnswerInputs) -> HybridModel:
        key = version, inputs.provenance.artifact, inputs.provenance.increment
        model = self._models.get(key)
        if model is None:
            model = self._models[key] = _loaded(
                past_version(version, increment=inputs.provenance.increment), version, inputs
            )
        return model


def past_trial(arms: Sequence[tuple[str, str]]) -> Trial:
    """Return the experiments that decided about an answer. Payloads never change after the start.

    Raises MissingInput, which names the missing experiment.
    """
    assignments = []
    for key, arm in arms:
        try:
            past = design(key)
            assignments.append(Assignment(past, past.arm_indexes[arm], "ended"))
        except (LookupError, NotFound) as error:
            raise MissingInput(f"the arm {arm} of the experiment {key}") from error
    holdouts = [one for one in assignments if one.design.kind == "holdout"]
    others = tuple(one for one in assignments if one.design.kind != "holdout")
    return Trial(others, holdouts[0] if holdouts else None)


def _loaded(served: Champion | None, version: str, inputs: AnswerInputs) -> HybridModel:
    number = inputs.provenance.increment
    name = f"version {version}" if number is None else f"increment {number} of version {version}"
    if served is None:
        raise MissingInput(f"the model: {name} is not registered")
    files = served if served.increment is None else served.increment
    if not files.artifact_hash.startswith(inputs.provenance.artifact):
        raise MissingInput(f"the model: the files of {name} are not those that answered")
    if not files.directory.is_dir():
        raise MissingInput(f"the model: the files of {name} are no longer retained")
    try:
        return HybridModel.load(files.directory, expected=files.artifact_hash)
    except LOADING_ERRORS as error:
        raise MissingInput(f"the model: {name} cannot be read: {error}") from error
