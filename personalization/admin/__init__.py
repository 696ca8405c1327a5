"""The merchandiser's and the data scientist's doors: placements, rules, model versions, training runs, alarms."""

from personalization.admin.alarms import ModelAlarmAdmin
from personalization.admin.placements import PlacementAdmin
from personalization.admin.rules import RuleAdmin
from personalization.admin.runs import TrainingRunAdmin
from personalization.admin.versions import ModelVersionAdmin
from personalization.admin.waivers import ModelWaiverAdmin

__all__ = [
    "ModelAlarmAdmin",
    "ModelVersionAdmin",
    "ModelWaiverAdmin",
    "PlacementAdmin",
    "RuleAdmin",
    "TrainingRunAdmin",
]
