"""Rules as records for serving, and in words for the admin."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, get_args

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from catalog.selectors import MOMENT, titles_of
from common import clock
from common.money import plain
from personalization.models import Rule, RuleVersion
from personalization.rules import rule_set as pure

EFFECTS: Final = {
    "pin": "Pin at place {position}",
    "boost": "Move up ×{factor:g}",
    "bury": "Move down ×{factor:g}",
    "exclude": "Never show",
    "require": "Show only these",
    "cap": "Show at most {cap}{each}",
}
"""What each kind of rule does, as a sentence begins."""
SHORT: Final = timedelta(days=3)
"""A rule of at most this length is not asked about when it ends."""
MOST_NAMES: Final = 5
"""The most names of one condition in a sentence."""


@dataclass(frozen=True, slots=True)
class LiveRules:
    """Active rules, and the state of the database in which they were read (`selectors.past`); None without rules."""

    rules: list[pure.Rule]
    moment: str | None


def live_rules() -> list[pure.Rule]:
    """Return the current version of every active rule that has not ended, including those that start later."""
    return read_live_rules().rules


def read_live_rules() -> LiveRules:
    """Return the live rules with the moment at which they were read."""
    not_ended = Q(current__ends_at=None) | Q(current__ends_at__gt=clock.now())
    rows = Rule.objects.filter(not_ended, active=True, current__isnull=False).select_related("current")
    rules, moment = list[pure.Rule](), None
    for row in rows.annotate(moment=MOMENT):
        moment = row.moment
        if row.current is not None:
            rules.append(pure_rule(row.name, row.current))
    return LiveRules(rules, moment)


def versions_of(placement: str) -> QuerySet[RuleVersion]:
    """Return the rule versions, old ones too, that apply to a placement."""
    return RuleVersion.objects.filter(Q(placements=[]) | Q(placements__contains=[placement]))


def rules_of(placement: str) -> QuerySet[Rule]:
    """Return the rules whose current version applies to a placement, each with that version."""
    current = versions_of(placement).filter(pk__in=Rule.objects.values("current"))
    return Rule.objects.filter(current__in=current).select_related("current")


def active_rule_ids() -> list[int]:
    """Return the ids of the rules that are on."""
    return list(Rule.objects.filter(active=True).values_list("pk", flat=True))


def rules_that_end(*, before: datetime) -> list[tuple[int, str, datetime]]:
    """Return id, name and end of the rules that are on and end before a moment, the first to end first.

    A rule that was made for `SHORT` or less is left out: its end is no news.
    """
    ending = Rule.objects.filter(active=True, current__ends_at__gt=clock.now(), current__ends_at__lt=before)
    ending = ending.filter(current__ends_at__gt=Coalesce("current__starts_at", "current__created_at") + SHORT)
    rows = ending.order_by("current__ends_at").values_list("pk", "name", "current__ends_at")
    return [(pk, name, ends_at) for pk, name, ends_at in rows if ends_at is not None]


def running_rules(*, most: int) -> list[tuple[int, str, str]]:
    """Return id, name and sentence of rules that apply now, the latest changed first."""
    now = clock.now()
    running = Rule.objects.filter(
        Q(current__starts_at=None) | Q(current__starts_at__lte=now),
        Q(current__ends_at=None) | Q(current__ends_at__gt=now),
        active=True,
    )
    rows = running.select_related("current").order_by("-updated_at")[:most]
    return [(rule.pk, rule.name, sentence_of(rule.current)) for rule in rows if rule.current is not None]


@dataclass(frozen=True, slots=True)
class RuleInWords:
    """A rule as a line of a list."""

    id: int
    name: str
    active: bool
    stage: pure.Stage
    effect: str
    products: str
    whom: str
    window: str
    state: str


def in_order(placement: str, *, most: int) -> list[RuleInWords]:
    """Return the rules of a placement in the order in which they apply; at most `most` names of each condition."""
    rows = [(rule, version) for rule in rules_of(placement) if (version := rule.current) is not None]
    stages = list(get_args(pure.Stage))
    rows.sort(key=lambda row: (stages.index(pure.KINDS[row[1].effect].stage), -row[1].priority, row[0].pk))
    return [
        RuleInWords(
            id=rule.pk,
            name=rule.name,
            active=rule.active,
            stage=pure.KINDS[version.effect].stage,
            effect=effect_of(version),
            products=products_of(version, most=most),
            whom=whom_of(version, most=most),
            window=window_of(version),
            state=state_of(rule),
        )
        for rule, version in rows
    ]


def effects() -> list[tuple[str, str]]:
    """Return the kinds of rule with their titles."""
    return list(RuleVersion.Effect.choices)


def pure_rule(name: str, version: RuleVersion, *, rule_id: int | None = None) -> pure.Rule:
    """Return the record of a rule version, which may be unsaved (a draft)."""
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
        holdout_percent=version.holdout_percent,
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


def sentence_of(version: RuleVersion) -> str:
    """Return a rule version as one sentence."""
    effect = EFFECTS[version.effect].format(
        position=version.position,
        factor=version.factor,
        cap=version.cap,
        each=f" of each {version.cap_by}" if version.cap_by else "",
    )
    window = window_of(version)
    when = f"; {window}" if window != "always" else ""
    share = f"; held out for {version.holdout_percent} % of shoppers" if version.holdout_percent else ""
    return f"{effect}: {products_of(version, most=MOST_NAMES)}; {places_of(version, most=MOST_NAMES)}{when}{share}."


def products_of(version: RuleVersion, *, most: int | None = None) -> str:
    """Return in words which products a rule version matches; at most `most` names of each list."""
    parts = (
        *(_names_in_words(name, getattr(version, name), most) for name in ("products", "categories", "brands")),
        _range_in_words("price", _price_in_words(version.min_price), _price_in_words(version.max_price)),
        _range_in_words("stock", version.min_stock, version.max_stock),
    )
    return _joined(parts) or "every product"


def places_of(version: RuleVersion, *, most: int | None = None) -> str:
    """Return in words where a rule version applies, and for whom; at most `most` names of each list."""
    return _joined((_names_in_words("on", version.placements, most), _whom(version, most))) or "everywhere"


def whom_of(version: RuleVersion, *, most: int | None = None) -> str:
    """Return in words for whom a rule version applies, and looking at what; at most `most` names of each list."""
    return _whom(version, most) or "everybody"


def _whom(version: RuleVersion, most: int | None) -> str:
    context = _joined(
        (
            _names_in_words("looking at products", version.context_products, most),
            _names_in_words("looking at categories", version.context_categories, most),
        ),
        " or ",
    )
    return _joined((_names_in_words("for segments", version.segments, most), context))


def effect_of(version: RuleVersion) -> str:
    """Return in words what a rule version does to the products that it matches."""
    return pure_rule("", version).sentence.removeprefix(": ")


def state_of(rule: Rule) -> str:
    """Return whether a rule applies now: off, scheduled, running or ended."""
    version, now = rule.current, clock.now()
    if not rule.active or version is None:
        return "off"
    if version.ends_at is not None and version.ends_at <= now:
        return "ended"
    return "scheduled" if version.starts_at is not None and version.starts_at > now else "running"


def window_of(version: RuleVersion) -> str:
    """Return in words from when until when a rule version applies."""
    if version.starts_at is None and version.ends_at is None:
        return "always"
    ends = (f"{at:%Y-%m-%d %H:%M}" if at else "…" for at in (version.starts_at, version.ends_at))
    return " – ".join(ends) + " UTC"


def _joined(parts: Iterable[str], between: str = "; ") -> str:
    return between.join(one for one in parts if one)


def _names_in_words(kind: str, names: list[str], most: int | None) -> str:
    listed = names[:most]
    rest = len(names) - len(listed)
    more = f" and {rest} more" if rest else ""
    if kind.endswith("products"):
        titles = titles_of(listed) if listed else {}
        listed = [with_title(name, titles) for name in listed]
    return f"{kind} {', '.join(listed)}{more}" if names else ""


def named(product_id: str) -> str:
    """Return a product in words; it asks for the title."""
    return with_title(product_id, titles_of([product_id]))


def with_title(product_id: str, titles: Mapping[str, str]) -> str:
    """Return a product in words: `Dune sofa, grey (P0012)`; the id alone where it has no title of its own."""
    title = titles.get(product_id, product_id)
    return product_id if title == product_id else f"{title} ({product_id})"


def _range_in_words(kind: str, low: Any, high: Any) -> str:
    ends = (f"{word} {end}" for word, end in (("from", low), ("to", high)) if end is not None)
    return " ".join((kind, *ends)) if low is not None or high is not None else ""


def _price_in_words(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount, settings.SHOP_CURRENCY)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
