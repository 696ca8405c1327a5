"""The merchandiser's doors: placements and rules."""

from personalization.admin.placements import PlacementAdmin
from personalization.admin.rules import RuleAdmin

__all__ = ["PlacementAdmin", "RuleAdmin"]
