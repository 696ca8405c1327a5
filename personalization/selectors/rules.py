"""Rules as the pure engine sees them."""

from datetime import datetime
from decimal import Decimal

from personalization.models import Rule, RuleVersion
from personalization.ranking import rules as pure


def live_rules() -> list[pure.Rule]:
    """Return the current wording of every active rule that has not ended; one that begins later is among them."""
    rows = Rule.objects.filter(active=True, current__isnull=False).select_related("current")
    return [pure_rule(row.name, row.current) for row in rows if row.current is not None]


def pure_rule(name: str, version: RuleVersion, *, rule_id: int | None = None) -> pure.Rule:
    """Return the record of a wording, which need not be saved (a draft)."""
    return pure.Rule(
        id=rule_id if rule_id is not None else version.rule_id,
        version=version.number,
        name=name,
        effect=version.effect,
        priority=version.priority,
        position=version.position,
        factor=version.factor,
        cap=version.cap,
        cap_by=version.cap_by,
        placements=tuple(version.placements),
        segments=tuple(version.segments),
        context_products=tuple(version.context_products),
        context_categories=tuple(version.context_categories),
        starts_at=_seconds(version.starts_at),
        ends_at=_seconds(version.ends_at),
        products=tuple(version.products),
        categories=tuple(version.categories),
        brands=tuple(version.brands),
        min_price=_number(version.min_price),
        max_price=_number(version.max_price),
        min_stock=version.min_stock,
        max_stock=version.max_stock,
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
