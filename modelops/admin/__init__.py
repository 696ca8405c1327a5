"""Admin pages of the data scientist: model versions, training runs, waivers, alarms."""

from modelops.admin.alarms import ModelAlarmAdmin
from modelops.admin.runs import TrainingRunAdmin
from modelops.admin.versions import ModelVersionAdmin
from modelops.admin.waivers import ModelWaiverAdmin

__all__ = ["ModelAlarmAdmin", "ModelVersionAdmin", "ModelWaiverAdmin", "TrainingRunAdmin"]
