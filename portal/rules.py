"""The rules of a placement, in the order in which they apply, with their conflicts."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from personalization.selectors.conflicts import warnings_of_rules
from personalization.selectors.placements import active_placements
from personalization.selectors.rules import RuleInWords, in_order
from portal.permissions import may, staff_page
from portal.sections import Section, answer

SEE: Final = "personalization.view_rule"
STAGES: Final = {"filter": "1. filter", "order": "2. boost / bury", "diversity": "3. diversity", "pin": "4. pin"}
LISTED: Final = 5
"""The most names of one condition in a line."""


@require_safe
@staff_page(SEE)
def page(request: HttpRequest, key: str) -> HttpResponse:
    """Show them."""
    placements = active_placements()
    if key not in placements:
        raise Http404
    rules = in_order(key, most=LISTED)
    sections = [_rules(rules), _conflicts(rules)]
    add = f"{reverse('admin:personalization_rule_add')}?{urlencode({'placements': key})}"
    add = add if may(request.user, "personalization.add_rule") else ""
    return answer(
        request, "portal/placement_rules.html", sections, title=placements[key].name, subtitle="Rules", key=key, add=add
    )


def _rules(rules: Sequence[RuleInWords]) -> Section:
    rows = [
        (
            *(one.name if one.state == "running" else f"{one.name} ({one.state})", one.state, STAGES[one.stage]),
            *(one.effect, one.products, one.whom, one.window),
        )
        for one in rules
    ]
    links = [reverse("admin:personalization_rule_change", args=[one.id]) for one in rules]
    columns = ("Rule", "State", "Step", "What it does", "To which products", "For whom", "When")
    note = (
        "In the order in which they apply: first what is left out, then the order, then the limits, then the pins. "
        "Within a step, higher priority wins."
    )
    return Section("rules", "Rules", note, columns, rows, links=links)


def _conflicts(rules: Sequence[RuleInWords]) -> Section:
    rows = [(one,) for one in warnings_of_rules(*(rule.id for rule in rules if rule.active))]
    note = "Rules that want the same place, undo each other, or match nothing."
    return Section("conflicts", "Conflicts", note, ("What",), rows)
