"""What stands in the way of rules and filters, on the catalog of the moment."""

from common import clock
from personalization.models import Placement, Rule, RuleVersion
from personalization.rules.conflicts import conflicts, doubts, unknown
from personalization.rules.rule_set import Rule as PureRule
from personalization.rules.rule_set import RuleSet, matches
from personalization.selectors.placements import config_of
from personalization.selectors.rules import live_rules, pure_rule
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import keeper


def conflicts_of(*rule_ids: int) -> list[str]:
    """Return what keeps active rules from their work, what of them finds nothing, and their conflicts, each once.

    Raises Unavailable without a catalog.
    """
    snapshot = keeper.current()
    known = snapshot.rules
    rules = RuleSet(live_rules(), known.columns, before=known)
    ended = Rule.objects.filter(pk__in=rule_ids, active=True, current__ends_at__lte=clock.now())
    found = [f"“{rule.name}” has ended: it holds no more" for rule in ended]
    for rule in rules.rules:
        if rule.id in rule_ids:
            found += _conflicts(rule, rules, snapshot)
    return list(dict.fromkeys(found))


def _conflicts(own: PureRule, rules: RuleSet, snapshot: Snapshot) -> list[str]:
    found = [*doubts(own, rules, on_sale=snapshot.on_sale), *(found.text for found in conflicts(rules, of=own.id))]
    off = Placement.objects.filter(key__in=own.placements, active=False)
    found += [f"The placement {placement.key} is switched off: nothing is shown there" for placement in off]
    if own.stage == "pin":
        sizes = {name: one.size for name, one in snapshot.placements.items() if name in own.placements}
        small = [f"{name} ({size})" for name, size in sorted(sizes.items()) if size < (own.position or 1)]
        if small:
            found.append(f"Place {own.position} is behind the end of {', '.join(small)}, unless more are asked for")
    return found


def hides_everything(version: RuleVersion) -> bool:
    """Return whether what an exclude, or a cap of 0, hides is all that is on sale.

    Raises Unavailable before the catalog is loaded.
    """
    snapshot = keeper.current()
    on_sale, columns = snapshot.on_sale, snapshot.shelf.columns
    hidden = matches(pure_rule("", version, rule_id=0), columns)
    if version.effect == RuleVersion.Effect.CAP and (counted := columns.keys(version.cap_by)) is not None:
        hidden &= counted >= 0
    return bool(on_sale.any() and hidden[on_sale].all())


def doubts_of(placement: Placement) -> list[str]:
    """Return what of a placement's filters finds nothing, and which of its recommenders the live model does not hold.

    Raises Unavailable before the catalog is loaded.
    """
    snapshot, config = keeper.current(), config_of(placement)
    filters = config.filters
    if not snapshot.on_sale.any():
        return []
    found = unknown(snapshot.shelf.columns, categories=filters.category, brands=filters.brand)
    if snapshot.bundle is not None:
        asked = dict.fromkeys((config.strategy, *config.sources, *config.fallback))
        lacking = [name for name in asked if name not in snapshot.strategies]
        found += [f"The live model holds no {name}: what stands behind it answers" for name in lacking]
    if not (snapshot.shelf.passing(filters) & snapshot.on_sale).any():
        found.append("No product on sale passes the filters: the placement shows nothing")
    return found
