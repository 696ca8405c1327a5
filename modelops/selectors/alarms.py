"""Alarms of the time while a version was live."""

from django.db.models import Q, QuerySet

from modelops.models import ModelAlarm, ModelVersion


def alarms_of(version: ModelVersion) -> QuerySet[ModelAlarm]:
    """Return the alarms that were open while the version was last live, or last raised under it, the oldest first.

    An alarm that is raised again names the version that is live by then.
    """
    of_it = Q(model_version=version)
    if version.promoted_at is not None:
        open_while_live = Q(settled_at=None) | Q(settled_at__gt=version.promoted_at)
        of_it |= open_while_live & Q(raised_at__lt=version.retired_at) if version.retired_at else open_while_live
    return ModelAlarm.objects.filter(of_it).select_related("model_version").defer("checks").order_by("raised_at", "id")
