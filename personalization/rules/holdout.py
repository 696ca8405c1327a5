"""Whom a rule with a hold-out leaves out: a stable lot of shopper and rule. Pure."""

from collections.abc import Sequence

from experiments.assignment import in_share
from personalization.rules.rule_set import Rule


def is_held_out(rule: Rule, subject: str) -> bool:
    """Return whether the rule does not apply to the shopper with this raw id; the same in all its versions."""
    return in_share(f"rule-{rule.id}", subject, rule.holdout_percent / 100)


def split(rules: Sequence[Rule], subject: str) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return the rules that apply to the shopper, and those held out; without a subject all apply."""
    if not subject or not any(rule.holdout_percent for rule in rules):
        return tuple(rules), ()
    held_out = tuple(rule for rule in rules if rule.holdout_percent and is_held_out(rule, subject))
    return tuple(rule for rule in rules if rule not in held_out), held_out
