"""Placements and rules as they were: from their versions, and from who was on at a moment of the database."""

from django.db import connection

from personalization.models import Placement, RuleVersion
from personalization.rules.rule_set import Rule
from personalization.selectors.placements import PlacementConfig, config_of
from personalization.selectors.rules import pure_rule

PLACEMENT = """
SELECT (row).* FROM (
    SELECT jsonb_populate_record(NULL::personalization_placement, fields) AS row
    FROM personalization_placementversion WHERE key = %s AND number = %s
    OFFSET 0
) AS rows
"""
RULES = """
SELECT version FROM (
    SELECT DISTINCT ON (rule) version, active FROM personalization_rulestate
    WHERE pg_visible_in_snapshot(xid::text::xid8, %s::pg_snapshot) ORDER BY rule, id DESC
) AS states
WHERE active AND version IS NOT NULL
"""


def placement_at(key: str, number: int) -> PlacementConfig | None:
    """Return that version of the placement, or None where it is not kept. Raises ValueError for an unreadable one."""
    row = next(iter(Placement.objects.raw(PLACEMENT, [key, number])), None)
    return None if row is None else config_of(row)


def rules_at(moment: str | None) -> list[Rule]:
    """Return the rules that were on at the moment, ended ones too; none for None."""
    if moment is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(RULES, [moment])
        numbers = [number for (number,) in cursor.fetchall()]
    return [pure_rule(version.name, version) for version in RuleVersion.objects.filter(pk__in=numbers)]
