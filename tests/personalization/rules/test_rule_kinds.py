"""Each kind of rule works, and is known in all places of docs/adding/rule.md."""

import re
from dataclasses import fields

import numpy as np
import pytest

from personalization.models import RuleVersion
from personalization.rules.filter_columns import Columns
from personalization.rules.rule_set import (
    KINDS,
    Rule,
    RuleSet,
    Situation,
    Trace,
)
from personalization.rules.slate import fill, pins, rule_caps
from personalization.trials.draft_form import WORDING
from portal.preview_form import PreviewForm
from tests.house.tree import text_of

SHELF = Columns.of(
    ["desk", "shelf", "chair", "lamp", "rug", "mug"],
    brands=["Nord", "Nord", "Nord", "Lux", "Lux", ""],
    categories=["Furniture"] * 6,
    groups=[""] * 6,
    prices=[9.0] * 6,
    stocks=[5] * 6,
)
OF_EVERY_VERSION = {"id", "version", "versions", "rule", "number", "name", "active", "created_at", "created_by"}


def slate(*rules: Rule) -> tuple[str, ...]:
    """Return the slate of the rules, with the catalog order as ranking."""
    rule_set, ranked, trace = RuleSet(rules, SHELF), np.arange(SHELF.n_items, dtype=np.int32), Trace()
    applicable_rules = rule_set.applicable(Situation(placement="home", now=0.0))
    mask = rule_set.filter(np.ones(SHELF.n_items, np.bool_), applicable_rules)
    items = rule_set.reorder(ranked[mask[ranked]], applicable_rules)
    pinned_at = pins(rule_set, applicable_rules, items, mask, 6, trace, popular=ranked)
    codes = fill(items, 6, pinned_at=pinned_at, caps=rule_caps(rule_set, applicable_rules), trace=trace)
    return tuple(SHELF.product_ids[code] for code in codes)


def test_each_kind_has_its_own_effect() -> None:
    rules = {effect: Rule(1, 1, "Lux", effect, position=3, cap=1, brands=("Lux",)) for effect in KINDS}

    slates = {"no rule": slate(), **{effect: slate(rule) for effect, rule in rules.items()}}

    alike = {one: [other for other in slates if slates[other] == slates[one] and other != one] for one in slates}
    assert not any(alike.values()), f"to do in `filter`, `reorder`, `rule_caps` or `pins`: {alike}"


@pytest.mark.django_db  # the form lists the segments
def test_each_kind_is_in_forms_preview_and_docs() -> None:
    labels = dict(RuleVersion.Effect.choices)

    assert set(labels) == set(KINDS), "`RuleVersion.Effect` and `KINDS` name the same kinds"
    for effect in labels:
        form = PreviewForm({"placement": "home", "effect": effect}, placements=[("home", "Home")])
        assert form.errors == {}, f"the preview does not know {effect}"
    _, table = text_of("docs/merchandiser.md").split("| What it does | How |\n")
    rows = re.findall(r"^\| ([^|]+) \| ", table, re.MULTILINE)
    assert set(rows) == set(labels.values()), "docs/merchandiser.md has a row of each kind"


def test_each_version_column_is_in_form_and_record() -> None:
    columns = {field.name for field in RuleVersion._meta.get_fields()} - OF_EVERY_VERSION

    assert {field.name for field in fields(Rule)} - OF_EVERY_VERSION == columns, "`Rule`, and `pure_rule`"
    assert set(WORDING) == columns, "`WORDING` and a field of `RuleForm`"
