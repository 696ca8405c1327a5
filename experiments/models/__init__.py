"""The tables of experiments: their designs and lives, and what is measured."""

from experiments.models.experiment import (
    SLUG_PATTERN,
    Arm,
    Epoch,
    Experiment,
    Inference,
    Kind,
    Namespace,
    PolicyMode,
    PolicyPause,
    Proposal,
    Status,
    Step,
)
from experiments.models.measurement import (
    BusyUnit,
    Cell,
    CountedPlan,
    Exposure,
    Look,
    MetricDefinition,
    StickyArm,
    Withheld,
)

__all__ = [
    "SLUG_PATTERN",
    "Arm",
    "BusyUnit",
    "Cell",
    "CountedPlan",
    "Epoch",
    "Experiment",
    "Exposure",
    "Inference",
    "Kind",
    "Look",
    "MetricDefinition",
    "Namespace",
    "PolicyMode",
    "PolicyPause",
    "Proposal",
    "Status",
    "Step",
    "StickyArm",
    "Withheld",
]
