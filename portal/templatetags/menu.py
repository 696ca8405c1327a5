"""The names of lists as the menu has them: a page is called what the entry that leads to it is called."""

from collections.abc import Sequence
from typing import Any

from django import template

from portal.sidebar import door_by_link, group_by_link, list_of, title_of

register = template.Library()


@register.filter
def menu_title(opts: Any) -> str:
    """Return what the menu calls the list of a model, given its `_meta`."""
    return door_by_link(list_of(opts.label)) or title_of(opts)


@register.simple_tag
def menu_parts(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts of a page's path with the menu's names: the group instead of the app, the entry's for a list."""
    titled_parts = [
        {**part, "title": door_by_link(str(part["link"])) or part["title"]} for part in map(_with_link, parts)
    ]
    group = next((title for part in parts if (title := group_by_link(str(part.get("link", ""))))), "")
    if group and len(titled_parts) > 1:
        titled_parts[0] = {"link": "", "title": group}
    return titled_parts


def _with_link(part: dict[str, Any]) -> dict[str, Any]:
    return {"link": "", **part}
