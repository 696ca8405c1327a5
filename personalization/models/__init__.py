"""What the merchandiser and the data scientist decide: placements, rules, model versions, training runs."""

from personalization.models.alarm import AlarmKind, ModelAlarm, ModelDrift
from personalization.models.placement import Placement
from personalization.models.registry import ModelState, ModelVersion, RunState, Sampler, TrainingRun
from personalization.models.rule import Rule, RuleVersion
from personalization.models.waiver import ModelWaiver

__all__ = [
    "AlarmKind",
    "ModelAlarm",
    "ModelDrift",
    "ModelState",
    "ModelVersion",
    "ModelWaiver",
    "Placement",
    "Rule",
    "RuleVersion",
    "RunState",
    "Sampler",
    "TrainingRun",
]
