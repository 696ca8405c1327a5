"""The staff roles and their admin permissions, as patterns over `app.action_model`. Pure.

Patterns instead of names: a new table automatically belongs to the roles that manage its room.

Managing accounts is a role of its own, so that no other role can give itself more. Who holds `customers.view_customer`
has a reason to look at named shoppers; a data scientist has none, and holds no permission that shows one. Names and
contact data are masked without `customers.view_personal_data`.
"""

from fnmatch import fnmatchcase
from typing import Final

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "merchandiser": (
        "catalog.*",
        "personalization.*_placement*",
        "personalization.*_rule*",
        "personalization.view_*",
        "modelops.view_*",
        "customers.view_customer*",
        "events.view_*",
        "profiles.view_*",
        "experiments.view_*",
    ),
    "marketer": (
        "experiments.*",
        "profiles.*",
        "personalization.view_*",
        "modelops.view_*",
        "catalog.view_*",
        "customers.view_customer*",
        "events.view_*",
    ),
    "compliance officer": (
        "audit.view_*",
        "audit.export_auditevent",
        "consents.*",
        "customers.view_*",
        "events.view_*",
        "events.*_allowedfield",
        "profiles.view_*",
        "access.view_apikey",
        "access.view_user",
        "access.confirm_user",
        "modelops.view_model*",
        "modelops.approve_modelwaiver",
    ),
    "data scientist": (
        "modelops.*",
        "personalization.view_*",
        "catalog.view_*",
        "events.view_count",
        "experiments.view_*",
    ),
    "account manager": (
        "access.*_user",
        "auth.view_group",
    ),
    "operator": (
        "access.*_apikey",
        "auth.view_*",
        "events.*",
        "experiments.change_policypause",
        "django_celery_beat.*",
        "*.view_*",
    ),
}


def may(role: str, permission: str) -> bool:
    """Return whether the role holds the permission."""
    return any(fnmatchcase(permission, pattern) for pattern in ROLES[role])
