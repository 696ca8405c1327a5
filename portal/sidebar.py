"""The admin's sidebar. Links that a person may not open are hidden."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from portal.permissions import may


@dataclass(frozen=True, slots=True)
class Door:
    """One link: `to` is a model (`app.Model`) for its admin list, or a URL name with the permissions that open it."""

    title: str
    icon: str
    to: str
    permission: str = ""
    or_permission: str = ""


GROUPS: Final[dict[str, tuple[Door, ...]]] = {
    "": (
        Door("Home", "home", "admin:index"),
        Door("Customers", "person_search", "portal:customers", "customers.view_*"),
        Door("Preview", "visibility", "portal:preview", "personalization.view_placement"),
    ),
    "Who they are": (
        Door("Explorer", "bubble_chart", "portal:segments", "profiles.view_segment"),
        Door("Segments", "group_work", "profiles.Segment"),
        Door("Segment jobs", "pending_actions", "profiles.SegmentJob"),
    ),
    "What is shown": (
        Door("Performance", "trending_up", "portal:performance", "personalization.view_placement"),
        Door("Placements", "dashboard_customize", "personalization.Placement"),
        Door("Rules", "rule", "personalization.Rule"),
        Door("Products", "chair", "catalog.Product"),
        Door("Imports", "upload_file", "catalog.ProductImport"),
    ),
    "What is tested": (
        Door("Experiments", "science", "experiments.Experiment"),
        Door("Metrics", "straighten", "experiments.MetricDefinition"),
        Door("Namespaces", "workspaces", "experiments.Namespace"),
        Door(*("Permanent hold-out", "pan_tool", "admin:experiments_experiment_holdout", "experiments.add_experiment")),
        Door("Pause policies", "pause_circle", "admin:experiments_experiment_pause", "experiments.change_policypause"),
    ),
    "What is learned": (
        Door("Models", "balance", "portal:models", "modelops.view_modelversion"),
        Door("Model versions", "model_training", "modelops.ModelVersion"),
        Door("Training runs", "exercise", "modelops.TrainingRun"),
        Door("Waivers", "approval", "modelops.ModelWaiver"),
        Door("Alarms", "notifications_active", "modelops.ModelAlarm"),
    ),
    "What happened": (
        Door("Events", "timeline", "events.Event"),
        Door("Event stream", "stream", "portal:stream", "events.change_setaside"),
        Door("Rejected events", "report", "events.SetAside"),
        Door("Replay", "replay", "portal:replay", "events.view_event", "modelops.replay_answers"),
        Door("Orders", "receipt_long", "events.Order"),
    ),
    "What is allowed": (
        Door("Privacy requests", "shield_person", "consents.PrivacyRequest"),
        Door("Purposes", "policy", "consents.Purpose"),
        Door("Practice audit", "fact_check", "portal:practice", "consents.view_privacyrequest"),
        Door("Requests by year", "calendar_month", "portal:privacy-year", "consents.view_privacyrequest"),
        Door("Record of processing", "inventory_2", "portal:processing", "consents.view_privacyrequest"),
        Door("Collected fields", "data_object", "portal:collected-fields", "consents.view_privacyrequest"),
        Door("Allowed fields", "playlist_add_check", "events.AllowedField"),
        Door("Consent proof", "history_edu", "consents.ConsentEvent"),
        Door("Audit log", "gavel", "audit.AuditEvent"),
        Door("Audit exports", "archive", "audit.AuditExport"),
    ),
    "House": (
        Door("API keys", "key", "access.ApiKey"),
        Door("Staff", "badge", "access.User"),
        Door("Roles", "groups", "auth.Group"),
        Door("Schedules", "schedule", "django_celery_beat.PeriodicTask"),
        Door("API docs", "api", "docs"),
    ),
}
"""Registered models without a link here appear under "More"."""


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar of one person in unfold's format."""
    groups = [_group(title, [_item(door) for door in doors if _open(door, request)]) for title, doors in GROUPS.items()]
    rest = [_model_item(model._meta.label) for model in _models_without_door(request)]
    return [group for group in [*groups, _group("More", rest, collapsible=True)] if group["items"]]


def _group(title: str, items: list[dict[str, Any]], *, collapsible: bool = False) -> dict[str, Any]:
    return {"title": title, "items": items, "separator": bool(title), "collapsible": collapsible}


def _item(door: Door) -> dict[str, Any]:
    link = list_of(door.to) if "." in door.to else reverse(door.to)
    return {"title": door.title, "icon": door.icon, "link": link}


def _model_item(label: str) -> dict[str, Any]:
    return {"title": title_of(apps.get_model(label)._meta), "icon": "table", "link": list_of(label)}


def _open(door: Door, request: HttpRequest) -> bool:
    if "." not in door.to:
        permissions = [one for one in (door.permission, door.or_permission) if one]
        return not permissions or any(may(request.user, one) for one in permissions)
    return _may_list(door.to, request)


def _may_list(label: str, request: HttpRequest) -> bool:
    """Return whether the model is registered in the admin and this person may see its list."""
    for model, model_admin in admin.site._registry.items():
        if model._meta.label == label:
            return bool(model_admin.has_view_or_change_permission(request))
    return False


def door_by_link(link: str) -> str:
    """Return the title of the entry that leads to a list of the admin; "" for none."""
    return next((door.title for _, door in _list_doors() if list_of(door.to) == link), "")


def group_by_link(link: str) -> str:
    """Return the title of the group that holds the entry of a list; "" for none."""
    return next((group for group, door in _list_doors() if list_of(door.to) == link), "")


def _list_doors() -> Iterator[tuple[str, Door]]:
    """Yield the entries of lists, each with its group."""
    yield from ((group, door) for group, doors in GROUPS.items() for door in doors if "." in door.to)


def title_of(opts: Any) -> str:
    """Return the name of a model in the plural, with a capital."""
    name = str(opts.verbose_name_plural)
    return name[:1].upper() + name[1:]


def list_of(label: str) -> str:
    """Return the address of a model's list in the admin."""
    app, model = label.lower().split(".")
    return reverse(f"admin:{app}_{model}_changelist")


def _models_without_door(request: HttpRequest) -> list[Any]:
    labels = {door.to for doors in GROUPS.values() for door in doors}
    models = sorted((model for model in admin.site._registry if model._meta.label not in labels), key=str)
    return [model for model in models if _may_list(model._meta.label, request)]
