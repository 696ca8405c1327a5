"""Alarms, as they stood while a version was live."""

from django.db.models import Q, QuerySet

from modelops.models import ModelAlarm, ModelVersion


def alarms_of(version: ModelVersion) -> QuerySet[ModelAlarm]:
    """Return the alarms that were open while the version was live last, or raised last under it, the oldest first.

    An open one that is raised again tells of the latest measurement, and so of the version that is live by then.
    """
    of_it = Q(model_version=version)
    if version.promoted_at is not None:
        met = Q(settled_at=None) | Q(settled_at__gt=version.promoted_at)
        of_it |= met & Q(raised_at__lt=version.retired_at) if version.retired_at else met
    return ModelAlarm.objects.filter(of_it).select_related("model_version").defer("checks").order_by("raised_at", "id")
