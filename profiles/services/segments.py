"""Create, edit and switch segments. After each change a job determines the members anew."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.services import record
from common import redis
from common.errors import FieldError, InvalidInput, NotFound
from profiles import keys
from profiles.models import Segment, SegmentJobKind, SegmentKind
from profiles.segments.rules.conditions import as_json
from profiles.segments.rules.parsing import parse
from profiles.segments.rules.wording import sentence
from profiles.services.segment_jobs import queue_job


@transaction.atomic
def create_segment(*, key: str, name: str, rule: Any, actor: str, active: bool = True) -> Segment:
    """Create a rule segment. Raises InvalidInput, which names the field."""
    segment = Segment(key=key, name=name, active=active)
    _set_rule(segment, rule)
    _save(segment, action="segment.created", actor=actor)
    return segment


@transaction.atomic
def edit_segment(segment_id: int, *, actor: str, name: str, rule: Any = None, active: bool | None = None) -> Segment:
    """Change name, rule and whether it is on; another rule makes a new version. Raises NotFound, InvalidInput.

    A segment of a cluster has no rule.
    """
    segment = Segment.objects.select_for_update().filter(pk=segment_id).first()
    if segment is None:
        raise NotFound(f"There is no segment {segment_id}.")
    before = segment.rule
    if rule is not None and segment.kind == SegmentKind.RULE:
        _set_rule(segment, rule)
        segment.version += segment.rule != before
    segment.name, segment.active = name, segment.active if active is None else active
    _save(segment, action="segment.edited", actor=actor)
    return segment


def announce() -> None:
    """Tell the profilers that definitions have changed; they read them within a second."""
    redis.client().incr(keys.SEGMENT_VERSION)


def _set_rule(segment: Segment, rule: Any) -> None:
    node = parse(rule)
    segment.rule, segment.description = as_json(node), sentence(node)


def _save(segment: Segment, *, action: str, actor: str) -> None:
    try:
        segment.full_clean()
    except ValidationError as error:
        errors = [FieldError(name, str(one)) for name, texts in error.message_dict.items() for one in texts]
        raise InvalidInput(str(errors[0]), errors=tuple(errors)) from error
    segment.save()
    data = {
        "key": segment.key,
        "name": segment.name,
        "active": segment.active,
        "version": segment.version,
        "rule": segment.description,
    }
    record(category="segment", action=action, actor=actor, object=f"segment:{segment.key}", data=data)
    transaction.on_commit(announce)
    queue_job(SegmentJobKind.FILL, actor=actor)
