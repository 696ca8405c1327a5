"""Which rule holds where."""

from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError
from django.test import RequestFactory

from common.remembered import Remembered
from consents import selectors
from consents.person import ConsentPerson
from consents.region import region_of
from consents.rules import BUILT_IN, STRICT, RegionRule, normalize_region, region_in, rule_for
from consents.state import ConsentState

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
    asks = RegionRule("*", "opt_in", "row:5")
    assert rule_for(None, {"DE": GERMANY, "*": asks}) is asks, "of those as strict, the one for all is the proof"
    assert rule_for(None, {}) is STRICT
    assert rule_for("DE", {}) is STRICT
    assert rule_for(None, {"US": STATES}) is STRICT, "it may be Germany, for which no rule is written"


def test_where_nobody_knows_the_region_the_rule_of_the_shops_own_holds(settings: Any) -> None:
    settings.CONSENT_RULES = {"*": "opt_in", "US": "opt_out"}
    known = ConsentPerson({"user:ada": ConsentState(region="US")}, {})
    with mock.patch.multiple(selectors, rules=selectors._configured_rules, terms=BUILT_IN.copy):
        strict, seen = (selectors.verdicts(whom, region=None) for whom in (ConsentPerson({}, {}), known))
        first_verdicts = selectors.verdicts(known, region="DE")
        settings.CONSENT_DEFAULT_REGION = "US"
        loose = selectors.verdicts(ConsentPerson({}, {}), region=None)

    reasons = [verdicts["analytics"].reason for verdicts in (strict, seen, first_verdicts, loose)]
    assert reasons == ["not_asked", "not_objected", "not_asked", "not_objected"]


def test_a_table_is_read_anew_after_two_seconds_and_what_was_read_last_holds_while_it_cannot_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = mock.Mock(side_effect=["first", "second", OperationalError, "third"])
    table = Remembered(read, lambda: "nothing")
    values = []
    for moment in (100.0, 101.9, 102.0, 104.0, 106.0, 108.0):  # a database that failed is left alone for four
        monkeypatch.setattr("common.remembered.time.monotonic", lambda now=moment: now)
        values.append(table())

    assert values == ["first", "first", "second", "second", "second", "third"]


def test_a_table_that_was_never_read_is_what_is_built_in_while_it_cannot_be() -> None:
    table = Remembered(mock.Mock(side_effect=OperationalError), lambda: "built in")

    assert table() == "built in"


@pytest.mark.parametrize(
    ("given", "region"),
    [
        *(("de", "DE"), ("us_ca", "US-CA"), (" US-CA ", "US-CA"), ("US-", None), ("US-CALI", None), ("US-Ä", None)),
        *(("at-9", "AT-9"), ("gb_eng", "GB-ENG"), ("US-C.", None)),
        *(("Germany", None), ("ÄÖ", None), ("D1", None), ("XX", None), ("", None), (None, None), (49, None)),
    ],
)
def test_codes_are_normalized_and_all_else_is_unknown(given: object, region: str | None) -> None:
    assert normalize_region(given) == region


def country_of(address: str) -> str | None:
    """Return where an address is, as a shop's own function does."""
    return {"198.51.100.7": "us_ca"}.get(address)


def test_where_no_header_tells_the_region_the_shop_s_own_function_is_asked_about_the_address(
    rf: RequestFactory, settings: Any
) -> None:
    settings.CONSENT_REGION_HEADER = "X-Country"
    settings.CONSENT_REGION_RESOLVER = f"{__name__}.country_of"
    visitor = {"x-forwarded-for": "198.51.100.7"}

    regions = [region_of(rf.get("/", headers=headers)) for headers in ({**visitor, "x-country": "de"}, visitor, {})]

    assert regions == ["DE", "US-CA", None]


def unknown_to(address: str) -> str | None:
    """Raise, as geoip2 does for an address that it does not know."""
    raise RuntimeError(f"{address} is not in the database")


def test_a_function_that_raises_tells_no_region_and_its_words_are_not_logged(
    rf: RequestFactory, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CONSENT_REGION_RESOLVER = f"{__name__}.unknown_to"

    assert region_of(rf.get("/", headers={"x-forwarded-for": "198.51.100.7"})) is None
    assert "RuntimeError" in caplog.text
    assert "198.51.100.7" not in caplog.text


def test_a_context_names_its_country_and_the_locale_is_not_asked() -> None:
    assert region_in({"location": {"country": "US", "region": "CA"}}) == "US-CA"
    assert region_in({"location": {"country": "us", "region": "California"}}) == "US"
    assert region_in({"locale": "en-US"}) is None
    assert region_in({"location": "US"}) is None
