"""Purposes and region rules: may a purpose begin without a yes, or only after one. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Mode = Literal["opt_in", "opt_out"]
EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class RegionRule:
    """The rule of one region: an ISO 3166 country (`DE`), a part of one (`US-CA`), or `*` for all others."""

    region: str
    mode: Mode
    id: str

    @property
    def opt_in(self) -> bool:
        """Whether nothing optional may happen before a yes."""
        return self.mode == "opt_in"


ESSENTIAL = ("contract", "legal_obligation")
"""The legal bases that leave the shopper nothing to decide."""
STRICT = RegionRule(EVERYWHERE, "opt_in", "built-in:*")
"""Holds where no rule is written."""


@dataclass(frozen=True, slots=True)
class PurposeTerms:
    """What `decide` must know of a purpose: on what it rests (GDPR, article 6)."""

    name: str
    version: int
    basis: str = "consent"
    sale_or_share: bool = False

    @property
    def essential(self) -> bool:
        """Whether the purpose asks nobody: a contract or a law needs it."""
        return self.basis in ESSENTIAL

    @property
    def by_consent(self) -> bool:
        """Whether it needs a yes where the region asks for one. A legitimate interest ends with an objection."""
        return self.basis == "consent"


BUILT_IN: Final[dict[str, PurposeTerms]] = {
    terms.name: terms
    for terms in (
        PurposeTerms("essential", 1, basis="contract"),
        PurposeTerms("analytics", 1),
        PurposeTerms("personalization", 1),
        PurposeTerms("cross_device", 1),
        PurposeTerms("train_models", 1),
        PurposeTerms("experiments", 1),
        PurposeTerms("crm_sync", 1),
        PurposeTerms("ads_share", 1, sale_or_share=True),
    )
}
"""The purposes that a shop starts with. The seed migration writes the same into the table; these decide while the
table cannot be read."""


BUILT_IN_KEYS: Final[Mapping[str, str]] = {
    "essential": "essential",
    "c0001": "essential",
    "c0002": "analytics",
    "c0003": "personalization",
    "c0004": "ads_share",
}
"""Names of consent tools for our purposes: OneTrust's four default categories. Rows of the admin win over them."""


def folded(key: str) -> str:
    """Return a consent key as it is compared: in any case, without blanks around it."""
    return key.strip().casefold()


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """The purposes by name, without `essential`, and the rules by region, as they are at one moment.

    `default_region` is the shop's own: its rule holds where nobody knows a region. `keys` map what consent tools call a
    purpose, folded, to its name; "" says that a key decides nothing here.
    """

    purposes: Mapping[str, PurposeTerms]
    regions: Mapping[str, RegionRule]
    default_region: str | None = None
    keys: Mapping[str, str] = field(default_factory=lambda: BUILT_IN_KEYS)

    def purpose_of(self, key: str) -> str | None:
        """Return the purpose that a consent key means, "" where it means none, or None where nobody mapped it."""
        name = folded(key)
        return name if name in self.purposes else self.keys.get(name)

    def rule_of(self, region: str | None) -> RegionRule:
        """Return the rule of the region, of the default region where it is None, else the strictest."""
        return rule_for(region or self.default_region, self.regions)


def rule_for(region: str | None, rules: Mapping[str, RegionRule]) -> RegionRule:
    """Return the rule of the most exact region: `US-CA`, else `US`, else `*`. An unknown region gets the strictest: it
    may be one that no rule is written for, which `*` decides.
    """
    if region is None:
        return strictest({EVERYWHERE: STRICT, **rules}.values())
    country = region.partition("-")[0]
    return rules.get(region) or rules.get(country) or rules.get(EVERYWHERE) or STRICT


def strictest(rules: Iterable[RegionRule]) -> RegionRule:
    """Return an opt-in rule where there is one; with no rules at all, the strict one."""
    ordered = sorted(rules, key=lambda rule: (not rule.opt_in, rule.region != EVERYWHERE, rule.region))
    return ordered[0] if ordered else STRICT


def normalize_region(value: object) -> str | None:
    """Return `US-CA` from `us_ca`, `DE` from `de`; None for what is no such code."""
    if not isinstance(value, str):
        return None
    country, separator, part = value.strip().upper().replace("_", "-").partition("-")
    good = len(country) == 2 and country.isascii() and country.isalpha() and country not in {"XX", "T1"}
    if not good or (separator and not (1 <= len(part) <= 3 and part.isascii() and part.isalnum())):
        return None
    return f"{country}-{part}" if separator else country


def region_in(context: Mapping[str, Any]) -> str | None:
    """Return the region that an event's context names, or None.

    The locale does not count: en-US is spoken everywhere, and a wrong guess would loosen the rule.
    """
    location = context.get("location")
    if not isinstance(location, dict):
        return None
    country = normalize_region(location.get("country_code")) or normalize_region(location.get("country"))
    part = location.get("region")
    return normalize_region(f"{country}-{part}") or country if country and part else country


def region_of_rule(value: str) -> str | None:
    """Return the region that a rule names, in the spelling that is looked for; None for what is no region."""
    return EVERYWHERE if value.strip() == EVERYWHERE else normalize_region(value)
