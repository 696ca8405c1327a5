"""The panel of a product's page: the rules that touch it, and the list of products that are never shown."""

from typing import Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.staff import actor_of
from catalog.selectors import get
from common.errors import DomainError, Unavailable
from personalization.models import Rule
from personalization.rules.rule_set import RuleSet
from personalization.selectors.rules import effect_of, live_rules, places_of
from personalization.services.hidden_products import NAME, hidden_among, hide_product, show_product_again
from personalization.serving.snapshot_refresher import snapshot_refresher

SCOPE: Final = "in no recommendation; the shop's search and the product's own page still show it"
"""What the list of hidden products does, and what not."""


def panel(request: HttpRequest, product_id: str) -> SafeString:
    """Return the panel; "" for staff who may not see rules."""
    if not request.user.has_perm("personalization.view_rule"):
        return SafeString("")
    context = {
        "product_id": product_id,
        "rules": [
            {
                "name": rule.name,
                "address": reverse("admin:personalization_rule_change", args=[rule.pk]),
                "effect": effect_of(rule.current),
                "places": places_of(rule.current, most=5),
            }
            for rule in rules_of(product_id)
            if rule.current is not None
        ],
        "may_hide": may_hide(request),
        "is_hidden": bool(hidden_among([product_id])),
        "hide": reverse("admin:personalization_rule_hide"),
        "list_name": NAME,
        "scope": SCOPE,
    }
    return SafeString(render_to_string("personalization/product_rules.html", context, request))


def rules_of(product_id: str) -> list[Rule]:
    """Return the live rules that match a product, scheduled ones too, in their order; none before a load.

    Just saved ones too, which the snapshot has not read yet.
    """
    try:
        snapshot = snapshot_refresher.current()
    except Unavailable:
        return []
    code = snapshot.serving_catalog.codes.get(product_id)
    if code is None:
        return []
    rules = RuleSet(live_rules(), snapshot.rules.columns, before=snapshot.rules)
    ids = [rule.id for rule in rules.rules if rules.matched.any_of(rule.id, [code])]
    rows = Rule.objects.select_related("current").in_bulk(ids)
    return [rows[rule_id] for rule_id in ids if rule_id in rows]


def may_hide(request: HttpRequest) -> bool:
    """Return whether this person may keep the list: it is created and edited."""
    return request.user.has_perms(["personalization.add_rule", "personalization.change_rule"])


def hide_view(request: HttpRequest) -> HttpResponse:
    """Put a product on the list of those never shown, or with `again` take it off, and go back to its page."""
    if not may_hide(request):
        raise PermissionDenied("personalization.change_rule")
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    product_id, again = request.POST.get("product_id", ""), "again" in request.POST
    products, page = reverse("admin:catalog_product_changelist"), request.POST.get("page", "")
    try:
        product = get(product_id)
        change = show_product_again if again else hide_product
        rule = change(product_id, actor=actor_of(request))
    except DomainError as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(products)
    if rule is not None:
        address = reverse("admin:personalization_rule_change", args=[rule.pk])
        words = "is recommended again" if again else f"is never shown: {SCOPE}"
        messages.success(
            request,
            format_html('“{}” {}. The rule is <a href="{}">{}</a>.', product.title, words, address, rule.name),
        )
    return HttpResponseRedirect(page if page.startswith(products) else products)
