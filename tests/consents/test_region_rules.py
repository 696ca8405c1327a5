"""Which rule holds where."""

import pytest

from consents.region import region_in
from consents.rules import STRICT, RegionRule, normalize_region, rule_for

GERMANY = RegionRule("DE", "opt_in", "row:1")
CALIFORNIA = RegionRule("US-CA", "opt_in", "row:2")
STATES = RegionRule("US", "opt_out", "row:3")
ELSEWHERE = RegionRule("*", "opt_out", "row:4")
RULES = {rule.region: rule for rule in (GERMANY, CALIFORNIA, STATES, ELSEWHERE)}


@pytest.mark.parametrize(
    ("region", "rule"),
    [("DE", GERMANY), ("US-CA", CALIFORNIA), ("US-TX", STATES), ("US", STATES), ("BR", ELSEWHERE), ("DE-BE", GERMANY)],
)
def test_the_most_exact_rule_holds(region: str, rule: RegionRule) -> None:
    assert rule_for(region, RULES) is rule


def test_an_unknown_region_gets_the_strictest_rule() -> None:
    assert rule_for(None, RULES).opt_in
    assert rule_for(None, {"*": ELSEWHERE}) is ELSEWHERE
    assert rule_for(None, {}) is STRICT
    assert rule_for("DE", {}) is STRICT


@pytest.mark.parametrize(
    ("given", "region"),
    [("de", "DE"), ("us_ca", "US-CA"), (" US-CA ", "US-CA"), ("Germany", None), ("", None), (None, None), (49, None)],
)
def test_codes_are_normalized_and_all_else_is_unknown(given: object, region: str | None) -> None:
    assert normalize_region(given) == region


def test_a_context_names_its_country_and_the_locale_is_not_asked() -> None:
    assert region_in({"location": {"country": "US", "region": "CA"}}) == "US-CA"
    assert region_in({"location": {"country": "us", "region": "California"}}) == "US"
    assert region_in({"locale": "en-US"}) is None
    assert region_in({"location": "US"}) is None
