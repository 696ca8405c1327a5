"""Placements and rules as they were: each write is a version, and a moment tells which rules were on."""

import pytest
from django.db import DatabaseError

from personalization.models import Placement, PlacementVersion, RuleState
from personalization.selectors.past import placement_at, rules_at
from personalization.selectors.placements import active_placements
from personalization.selectors.rules import read_live_rules
from personalization.services.placements import save_placement
from personalization.services.rules import create_rule, edit_rule, switch_rule

BOOST = {"effect": "boost", "brands": ["Nord"]}


@pytest.mark.django_db
def test_each_write_of_a_placement_is_a_version() -> None:
    first = active_placements()["home"]
    save_placement("home", data={"size": 7, "filters": {"brand": "Nord"}}, actor="staff:1")
    second = active_placements()["home"]
    Placement.objects.filter(key="home").update(size=9)

    third = active_placements()["home"]
    assert [first.version, second.version, third.version] == [1, 2, 3]
    assert [placement_at("home", number) for number in (1, 2, 3)] == [first, second, third]
    assert placement_at("home", 4) is None


@pytest.mark.django_db
def test_a_placement_made_anew_under_an_old_key_counts_on() -> None:
    Placement.objects.filter(key="home").delete()
    save_placement("home", data={"name": "Home"}, actor="staff:1")

    assert active_placements()["home"].version == 2


@pytest.mark.django_db
def test_a_version_of_a_placement_never_changes() -> None:
    with pytest.raises(DatabaseError, match="never changes"):
        PlacementVersion.objects.update(number=9)


@pytest.mark.django_db(transaction=True)
def test_the_rules_of_each_moment_come_back() -> None:
    reads = [read_live_rules()]
    rule = create_rule(name="Boost", wording=BOOST, actor="staff:1")
    reads.append(read_live_rules())
    edit_rule(rule.pk, wording={**BOOST, "factor": 3.0}, actor="staff:1")
    reads.append(read_live_rules())
    other = create_rule(name="Other", wording={**BOOST, "effect": "bury"}, actor="staff:1")
    switch_rule(rule.pk, active=False, actor="staff:1")
    reads.append(read_live_rules())
    switch_rule(rule.pk, active=True, actor="staff:1")
    reads.append(read_live_rules())

    assert [len(read.rules) for read in reads] == [0, 1, 1, 1, 2]
    for read in reads:
        assert sorted(rules_at(read.moment), key=lambda one: one.id) == sorted(read.rules, key=lambda one: one.id)
    assert RuleState.objects.filter(rule=other.pk).count() >= 1
