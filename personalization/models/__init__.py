"""Tables of this room: placements, rules and their versions."""

from personalization.models.placement import Placement
from personalization.models.rule import Rule, RuleVersion

__all__ = ["Placement", "Rule", "RuleVersion"]
