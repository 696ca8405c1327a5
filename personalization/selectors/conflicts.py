"""Warnings about rules and placements, against the current catalog."""

from dataclasses import replace

from common import clock
from personalization.models import Placement, Rule, RuleVersion
from personalization.rules.conflicts import conflicts, rule_warnings, unknown_names
from personalization.rules.rule_set import Rule as PureRule
from personalization.rules.rule_set import RuleSet, matches
from personalization.selectors.placements import config_of
from personalization.selectors.rules import live_rules, named, pure_rule
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher


def warnings_of_rules(*rule_ids: int) -> list[str]:
    """Return the warnings about these rules, each once: ended, without matches, in conflict with another rule.

    Inactive rules have none. Raises Unavailable before the catalog is loaded.
    """
    snapshot = snapshot_refresher.current()
    current = snapshot.rules
    rules = RuleSet(live_rules(), current.columns, before=current)
    ended_rules = Rule.objects.filter(pk__in=rule_ids, active=True, current__ends_at__lte=clock.now())
    warnings = [f"“{rule.name}” has ended and no longer applies" for rule in ended_rules]
    for rule in rules.rules:
        if rule.id in rule_ids:
            warnings += _conflicts(rule, rules, snapshot)
    return list(dict.fromkeys(warnings))


def _conflicts(own: PureRule, rules: RuleSet, snapshot: Snapshot) -> list[str]:
    warnings = [
        *rule_warnings(own, rules, on_sale=snapshot.on_sale, named=named),
        *(warnings.text for warnings in conflicts(rules, of=own.id)),
    ]
    off = Placement.objects.filter(key__in=own.placements, active=False)
    warnings += [f"The placement {placement.key} is switched off: nothing is shown there" for placement in off]
    if own.stage == "pin":
        sizes = {name: one.size for name, one in snapshot.placements.items() if name in own.placements}
        small = [f"{name} ({size})" for name, size in sorted(sizes.items()) if size < (own.position or 1)]
        if small:
            warnings.append(
                f"Place {own.position} is after the end of {', '.join(small)}, unless a request asks for more"
            )
    return warnings


def hides_everything(version: RuleVersion) -> bool:
    """Return whether this exclude rule, or cap of 0, would hide all products on sale.

    Raises Unavailable before the catalog is loaded.
    """
    snapshot = snapshot_refresher.current()
    on_sale, columns = snapshot.on_sale, snapshot.serving_catalog.columns
    hidden = matches(pure_rule("", version, rule_id=0), columns)
    if version.effect == RuleVersion.Effect.CAP and (keys := columns.keys(version.cap_by)) is not None:
        hidden &= keys >= 0
    return bool(on_sale.any() and hidden[on_sale].all())


def names_without_match(version: RuleVersion) -> list[str] | None:
    """Return the names that the catalog lacks, in words, if no product meets a rule version's names and prices.

    None where one does, and for an empty catalog. Stock is left out: it changes by itself.
    Raises Unavailable before the catalog is loaded.
    """
    columns = snapshot_refresher.current().serving_catalog.columns
    rule = replace(pure_rule("", version, rule_id=0), min_stock=None, max_stock=None)
    if not columns.n_items or matches(rule, columns).any():
        return None
    return unknown_names(columns, products=rule.products, categories=rule.categories, brands=rule.brands)


def placement_warnings(placement: Placement) -> list[str]:
    """Return the warnings about a placement: filters without matches, recommenders that the live model lacks.

    Raises Unavailable before the catalog is loaded.
    """
    snapshot, config = snapshot_refresher.current(), config_of(placement)
    filters = config.filters
    if not snapshot.on_sale.any():
        return []
    warnings = unknown_names(snapshot.serving_catalog.columns, categories=filters.category, brands=filters.brand)
    if snapshot.bundle is not None:
        names = dict.fromkeys((config.strategy, *config.sources, *config.fallback))
        missing_names = [name for name in names if name not in snapshot.strategies]
        warnings += [f"The live model has no recommender {name}: the fallback answers" for name in missing_names]
    effective_filters = filters if config.sold_out else replace(filters, in_stock=True)
    if not (snapshot.serving_catalog.filter_mask(effective_filters) & snapshot.on_sale).any():
        warnings.append("No product on sale passes the filters: the placement shows nothing")
    return warnings
