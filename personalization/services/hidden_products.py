"""Products that are never shown: one exclude rule with a list of ids, kept from the pages of the products."""

from collections.abc import Sequence
from typing import Final

from django.db import transaction

from personalization.models import Rule, RuleVersion
from personalization.services.rules import create_rule, edit_rule, switch_rule, wording_of

NAME: Final = "Never show these"


def hidden_rule() -> Rule | None:
    """Return the rule of hidden products: the first of that name that excludes by ids and nothing else."""
    rules = Rule.objects.select_related("current").filter(name__startswith=NAME).order_by("pk")
    return next((rule for rule in rules if rule.current is not None and _is_plain_list(rule.current)), None)


def hidden_among(product_ids: Sequence[str]) -> set[str]:
    """Return those of the products that are on the list, while the rule is on."""
    rule = hidden_rule()
    listed = rule.current.products if rule is not None and rule.active and rule.current is not None else []
    return {*product_ids} & {*listed}


def labels(product_ids: Sequence[str]) -> dict[str, str]:
    """Return the mark of each hidden product, for the list of products."""
    return dict.fromkeys(hidden_among(product_ids), "never shown")


@transaction.atomic
def hide_product(product_id: str, *, actor: str) -> Rule:
    """Put a product on the list, and switch the rule on; without a change it writes nothing. Raises InvalidInput."""
    rule = hidden_rule()
    if rule is None or rule.current is None:
        return create_rule(name=_free_name(), wording={"effect": "exclude", "products": [product_id]}, actor=actor)
    wording, listed = wording_of(rule.current), rule.current.products if rule.active else []
    if not rule.active or product_id not in listed:
        rule = edit_rule(rule.pk, wording={**wording, "products": [*listed, product_id]}, active=True, actor=actor)
    return rule


@transaction.atomic
def show_product_again(product_id: str, *, actor: str) -> Rule | None:
    """Take a product off the list; the rule is switched off with its last one. None where it is on no list."""
    rule = hidden_rule()
    if rule is None or rule.current is None or product_id not in rule.current.products:
        return rule
    rest = [one for one in rule.current.products if one != product_id]
    if not rest:
        return switch_rule(rule.pk, active=False, actor=actor)
    return edit_rule(rule.pk, wording={**wording_of(rule.current), "products": rest}, actor=actor)


def _free_name() -> str:
    """Return the name of the list; where another rule has it, with a number.

    Such a rule was reworded by hand, so it is no longer the list.
    """
    names = set(Rule.objects.filter(name__startswith=NAME).values_list("name", flat=True))
    numbers = range(1, len(names) + 2)
    return next(name for number in numbers if (name := f"{NAME} {number}".removesuffix(" 1")) not in names)


def _is_plain_list(version: RuleVersion) -> bool:
    empty = ("categories", "brands", "placements", "segments", "context_products", "context_categories")
    unset = ("min_price", "max_price", "min_stock", "max_stock", "starts_at", "ends_at")
    return (
        version.effect == RuleVersion.Effect.EXCLUDE
        and not any(getattr(version, name) for name in empty)
        and all(getattr(version, name) is None for name in unset)
    )
