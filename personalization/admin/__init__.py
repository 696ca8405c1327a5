"""Admin pages of the merchandiser: placements and rules."""

from personalization.admin.placements import PlacementAdmin
from personalization.admin.rules import RuleAdmin

__all__ = ["PlacementAdmin", "RuleAdmin"]
