"""Models of this room: placements, rules and rule versions."""

from personalization.models.placement import Placement
from personalization.models.rule import Rule, RuleVersion

__all__ = ["Placement", "Rule", "RuleVersion"]
