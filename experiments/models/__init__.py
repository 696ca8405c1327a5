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
    Proposal,
    Status,
    Step,
)
from experiments.models.measurement import Cell, Exposure, Look, MetricDefinition, StickyArm, Withheld

__all__ = [
    "SLUG_PATTERN",
    "Arm",
    "Cell",
    "Epoch",
    "Experiment",
    "Exposure",
    "Inference",
    "Kind",
    "Look",
    "MetricDefinition",
    "Namespace",
    "PolicyMode",
    "Proposal",
    "Status",
    "Step",
    "StickyArm",
    "Withheld",
]
