"""Create, edit and switch rules. Each change writes a new version; old versions stay, to explain past answers."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.services import record
from common.config_version import announce
from common.errors import Conflict, FieldError, InvalidInput, NotFound
from personalization.models import Placement, Rule, RuleVersion
from personalization.rules.filter_columns import folded
from personalization.selectors.conflicts import hides_everything, names_without_match
from profiles.selectors.segments import active_keys

ABOUT = ("products", "categories", "brands", "min_price", "max_price", "min_stock", "max_stock")
"""The conditions on products."""
OWN = ("id", "rule", "number", "name", "active", "created_at", "created_by")
"""The fields of a version that are no wording."""


@transaction.atomic
def create_rule(*, name: str, wording: Mapping[str, Any], actor: str, active: bool = True) -> Rule:
    """Create a rule with its first version. Raises InvalidInput, which names the field."""
    rule = Rule(name=name, active=active)
    _check(rule, exclude={"current"})
    rule.save()
    _add_checked_version(rule, wording=wording, actor=actor)
    record(category="rule", action="rule.created", actor=actor, object=f"rule:{rule.pk}", data=_audit_data(rule))
    announce()
    return rule


@transaction.atomic
def edit_rule(
    rule_id: int, *, actor: str, wording: Mapping[str, Any], name: str | None = None, active: bool | None = None
) -> Rule:
    """Give a rule a new version, perhaps with another name or switched; the old stays. Raises NotFound, InvalidInput.

    None leaves the name, or being on or off, as it is.
    """
    rule = _locked(rule_id)
    rule.active = rule.active if active is None else active
    if name is not None:
        rule.name = name
        _check(rule, exclude={"current"})
    _add_checked_version(rule, wording=wording, actor=actor)
    record(category="rule", action="rule.edited", actor=actor, object=f"rule:{rule.pk}", data=_audit_data(rule))
    announce()
    return rule


@transaction.atomic
def switch_rule(rule_id: int, *, active: bool, actor: str) -> Rule:
    """Switch a rule on or off, which is a version too; without a change it writes nothing. Raises NotFound."""
    rule = _locked(rule_id)
    if rule.active == active or rule.current is None:
        return rule
    rule.active = active
    _add_version(rule, wording=wording_of(rule.current), actor=actor)
    action = "rule.switched_on" if active else "rule.switched_off"
    record(category="rule", action=action, actor=actor, object=f"rule:{rule.pk}", data=_audit_data(rule))
    announce()
    return rule


@transaction.atomic
def undo_rule(rule_id: int, *, actor: str, version: int) -> Rule:
    """Make a rule what it was before its current version, as a new version; undone twice, it is back.

    Name, wording, and being on or off come back. The first version is undone by switching the rule off. `version` is
    the number of the version to undo. Raises NotFound, Conflict where it is no longer the current one or is the first
    of a rule that is off, and InvalidInput where what it was is no longer possible.
    """
    rule = _locked(rule_id)
    current, *earlier = rule.versions.order_by("-number")[:2]
    if current.number != version:
        raise Conflict(f"The rule is at version {current.number} by now: look again.")
    if not earlier and not rule.active:
        raise Conflict("The rule has no earlier version, and is off.")
    if not earlier:
        return switch_rule(rule_id, active=False, actor=actor)
    rule.name, rule.active = earlier[0].name, earlier[0].active
    _check(rule, exclude={"current"})
    add = _add_checked_version if rule.active else _add_version
    add(rule, wording=wording_of(earlier[0]), actor=actor)
    record(category="rule", action="rule.undone", actor=actor, object=f"rule:{rule.pk}", data=_audit_data(rule))
    announce()
    return rule


def wording_of(version: RuleVersion) -> dict[str, Any]:
    """Return the fields of a version's wording; its name, and whether it is on, are no wording."""
    return {field.name: getattr(version, field.name) for field in RuleVersion._meta.fields if field.name not in OWN}


def says_the_same(one: RuleVersion, other: RuleVersion) -> bool:
    """Return whether two versions have the same name and wording; being on or off aside."""
    return one.name == other.name and wording_of(one) == wording_of(other)


def draft_version(*, wording: Mapping[str, Any]) -> RuleVersion:
    """Return a checked, unsaved rule version for a preview. Raises InvalidInput, which names the field."""
    version = RuleVersion(number=0, created_by="draft", **wording)
    _check(version, exclude={"rule", "name"})
    check_wording(version)
    return version


def check_matches(version: RuleVersion) -> None:
    """Raise InvalidInput if a rule version matches no product of the catalog: it would change nothing."""
    if (unknown := names_without_match(version)) is not None:
        first = next(name for name in ABOUT if getattr(version, name) not in (None, []))
        raise InvalidInput.of(first, f"the rule matches no product. {'. '.join(unknown)}".removesuffix(". "))


def check_wording(version: RuleVersion) -> None:
    """Raise InvalidInput if the fields of a rule version contradict each other."""
    if version.effect == RuleVersion.Effect.PIN and version.position is None:
        raise InvalidInput.of("position", "a pin needs a position, from 1")
    if version.effect == RuleVersion.Effect.CAP and version.cap is None:
        raise InvalidInput.of("cap", "a cap needs a number: at most how many")
    _check_something_is_left(version)
    _check_places(version)
    _check_segments(version)
    for low, high in (("min_price", "max_price"), ("min_stock", "max_stock")):
        first, last = getattr(version, low), getattr(version, high)
        if first is not None and last is not None and first > last:
            raise InvalidInput.of(high, f"must not be less than {first}, the lower end")
    if version.starts_at is not None and version.ends_at is not None and version.starts_at >= version.ends_at:
        raise InvalidInput.of("ends_at", "must be later than the start: the rule would never apply")


def _check_something_is_left(version: RuleVersion) -> None:
    if version.effect == RuleVersion.Effect.EXCLUDE:
        field, unspecific = "effect", "an exclude rule without conditions on products would empty every placement"
        every = "it matches every product on sale and would empty every placement"
    elif version.effect == RuleVersion.Effect.CAP and version.cap == 0:
        field = "cap"
        unspecific = every = (
            "at most 0 of all products on sale would empty every placement: to hide some products, name them and "
            "choose Exclude"
        )
    else:
        return
    if not any(getattr(version, name) not in (None, []) for name in ABOUT):
        raise InvalidInput.of(field, unspecific)
    if hides_everything(version):
        raise InvalidInput.of(field, every)


def _check_places(version: RuleVersion) -> None:
    keys = set(Placement.objects.values_list("key", flat=True))
    wrong = [key for key in version.placements if key not in keys]
    if wrong:
        raise InvalidInput.of("placements", f"there is no placement {', '.join(wrong)}: {', '.join(sorted(keys))}")


def _check_segments(version: RuleVersion) -> None:
    wrong = sorted(set(folded(version.segments)) - set(folded(keys := active_keys()))) if version.segments else []
    if wrong:
        there = f"there are {', '.join(keys)}" if keys else "there are none yet"
        raise InvalidInput.of("segments", f"there is no active segment {', '.join(wrong)}; {there}")


def _locked(rule_id: int) -> Rule:
    rule = Rule.objects.select_for_update().filter(pk=rule_id).first()
    if rule is None:
        raise NotFound(f"There is no rule {rule_id}.")
    return rule


def _add_checked_version(rule: Rule, *, wording: Mapping[str, Any], actor: str) -> None:
    """Add a version whose wording is checked. Switching checks nothing: off must always be possible."""
    check_wording(_add_version(rule, wording=wording, actor=actor))


def _add_version(rule: Rule, *, wording: Mapping[str, Any], actor: str) -> RuleVersion:
    last = rule.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = RuleVersion(rule=rule, number=last + 1, name=rule.name, active=rule.active, created_by=actor, **wording)
    _check(version, exclude={"rule"})
    version.save(force_insert=True)
    rule.current = version
    rule.save()
    return version


def _check(row: Rule | RuleVersion, *, exclude: set[str]) -> None:
    try:
        row.full_clean(exclude=exclude)
    except ValidationError as error:
        field_errors = [
            FieldError(field, _message(one)) for field, errors in error.error_dict.items() for one in errors
        ]
        raise InvalidInput(str(field_errors[0]), errors=tuple(field_errors)) from error


def _message(error: ValidationError) -> str:
    params = error.params or {}
    if error.code == "item_invalid" and "limit_value" in params:  # Django's message names items of arrays
        longest = params["limit_value"]
        return f"name {params['nth']} is longer than {longest} characters: separate names by commas"
    return str(error.messages[0])


def _audit_data(rule: Rule) -> dict[str, Any]:
    version = rule.current
    return {
        "name": rule.name,
        "active": rule.active,
        "version": version.number if version else 0,
        "effect": version.effect if version else "",
    }
