"""Which rules stand in each other's way, on the catalogue of the moment."""

from personalization.ranking.conflicts import conflicts
from personalization.ranking.rules import RuleSet
from personalization.selectors.rules import live_rules
from personalization.serving.keeper import keeper


def conflicts_of(rule_id: int) -> list[str]:
    """Return the conflicts that an active rule is part of. Raises Unavailable before the catalogue is loaded."""
    rules = RuleSet(live_rules(), keeper.current().shelf.columns)
    return [found.text for found in conflicts(rules) if rule_id in (found.first.id, found.second.id)]
