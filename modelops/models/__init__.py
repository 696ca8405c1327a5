"""Models of this room: training runs, model versions, waivers, alarms."""

from modelops.models.alarm import AlarmKind, ModelAlarm, ModelDrift
from modelops.models.registry import ModelIncrement, ModelState, ModelVersion, RunState, Sampler, TrainingRun
from modelops.models.waiver import ModelWaiver

__all__ = [
    "AlarmKind",
    "ModelAlarm",
    "ModelDrift",
    "ModelIncrement",
    "ModelState",
    "ModelVersion",
    "ModelWaiver",
    "RunState",
    "Sampler",
    "TrainingRun",
]
