"""What stands in the way of rules and filters, on the catalogue of the moment."""

from personalization.models import Placement, RuleVersion
from personalization.ranking.conflicts import conflicts, doubts, unknown
from personalization.ranking.rules import RuleSet, matches
from personalization.selectors.placements import config_of
from personalization.selectors.rules import live_rules, pure_rule
from personalization.serving.keeper import keeper


def conflicts_of(rule_id: int) -> list[str]:
    """Return what of an active rule finds nothing, and its conflicts. Raises Unavailable without a catalogue."""
    known = keeper.current().rules
    rules = RuleSet(live_rules(), known.columns, before=known)
    own = next((rule for rule in rules.rules if rule.id == rule_id), None)
    if own is None:
        return []
    return [*doubts(own, rules), *(found.text for found in conflicts(rules, of=rule_id))]


def matches_everything(version: RuleVersion) -> bool:
    """Return whether a wording is about all that is on sale. Raises Unavailable before the catalogue is loaded."""
    snapshot = keeper.current()
    on_sale = snapshot.on_sale
    return bool(on_sale.any() and matches(pure_rule("", version, rule_id=0), snapshot.shelf.columns)[on_sale].all())


def doubts_of(placement: Placement) -> list[str]:
    """Return what of a placement's filters finds nothing. Raises Unavailable before the catalogue is loaded."""
    snapshot, filters = keeper.current(), config_of(placement).filters
    if not snapshot.on_sale.any():
        return []
    found = unknown(snapshot.shelf.columns, categories=filters.category, brands=filters.brand)
    if not (snapshot.shelf.passing(filters) & snapshot.on_sale).any():
        found.append("No product on sale passes the filters: the placement shows nothing")
    return found
