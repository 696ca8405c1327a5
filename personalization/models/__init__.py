"""Models of this room: placements and rules, with all their versions."""

from personalization.models.placement import Placement, PlacementVersion
from personalization.models.rule import Rule, RuleState, RuleVersion

__all__ = ["Placement", "PlacementVersion", "Rule", "RuleState", "RuleVersion"]
