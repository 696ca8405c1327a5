"""The merchandiser's and the data scientist's doors: placements, rules, model versions, training runs."""

from personalization.admin.placements import PlacementAdmin
from personalization.admin.rules import RuleAdmin
from personalization.admin.runs import TrainingRunAdmin
from personalization.admin.versions import ModelVersionAdmin
from personalization.admin.waivers import ModelWaiverAdmin

__all__ = ["ModelVersionAdmin", "ModelWaiverAdmin", "PlacementAdmin", "RuleAdmin", "TrainingRunAdmin"]
