"""The tabs of a placement's pages."""

from typing import Any

from django import template
from django.template.context import Context
from django.urls import reverse

from personalization.selectors.placements import admin_id_of
from portal.permissions import may

register = template.Library()


@register.inclusion_tag("portal/placement_tabs.html", takes_context=True)
def placement_tabs(context: Context, key: str, current: str) -> dict[str, Any]:
    """Return the tabs of a placement that this person may open: `{% placement_tabs "home" "rules" %}`."""
    user, placement_id = context["request"].user, admin_id_of(key)
    tabs = [
        ("performance", "Performance", reverse("portal:performance-placement", args=[key]), "view_placement"),
        ("rules", "Rules", reverse("portal:placement-rules", args=[key]), "view_rule"),
        ("objective", "Objective", reverse("portal:placement-objective", args=[key]), "view_placement"),
        ("preview", "Preview", f"{reverse('portal:preview')}?placement={key}", "view_placement"),
    ]
    if placement_id is not None:
        link = reverse("admin:personalization_placement_change", args=[placement_id])
        tabs.append(("settings", "Settings", link, "view_placement"))
    visible = [(name, title, link) for name, title, link, what in tabs if may(user, f"personalization.{what}")]
    return {"tabs": visible, "current": current}
