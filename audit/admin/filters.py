"""Filters of the list of audit events: days, and exact words, through the indexes."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter, TextFilter

from audit.models import AuditEvent
from audit.selectors import open_keys
from audit.staff import actor_by_name
from common.pseudonyms import staff_subject


def midnight(day: str) -> datetime:
    """Return the beginning of a day in UTC. Raises ValueError."""
    return datetime.combine(date.fromisoformat(day), time(), UTC)


class DayFilter(RangeDateFilter):
    """From one day to another, both included, in UTC."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return the events of the days; a date that cannot be read leaves none."""
        first, last = (self.used_parameters.get(f"{self.parameter_name}_{end}") for end in ("from", "to"))
        try:
            if first:
                queryset = queryset.filter(at__gte=midnight(first))
            if last:
                queryset = queryset.filter(at__lt=midnight(last) + timedelta(days=1))
        except (ValueError, TypeError, OverflowError):
            return queryset.none()
        return queryset


class ExactFilter(TextFilter):
    """Events whose column is exactly these words."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Return the events."""
        words = (self.value() or "").strip()
        if "\x00" in words:
            return queryset.none()
        return self.matching(queryset, words) if words else queryset

    def matching(self, queryset: QuerySet[AuditEvent], words: str) -> QuerySet[AuditEvent]:
        """Return the events with these words."""
        return queryset.filter(**{str(self.parameter_name): words})


class ActionFilter(ExactFilter):
    """What was done."""

    title, parameter_name = "action", "action"


class ActorFilter(ExactFilter):
    """Who did it: a user name, `staff:4` or `key:5`."""

    title, parameter_name = "actor", "actor"

    def matching(self, queryset: QuerySet[AuditEvent], words: str) -> QuerySet[AuditEvent]:
        """Return the events of the person."""
        return queryset.filter(actor=actor_by_name(words))


class ObjectFilter(ExactFilter):
    """What it was done to."""

    title, parameter_name = "object", "object"


class SubjectFilter(ExactFilter):
    """The shopper whom it is about: `user:ID`, `anonymous:ID`."""

    title, parameter_name = "shopper (user:ID)", "subject"

    def matching(self, queryset: QuerySet[AuditEvent], words: str) -> QuerySet[AuditEvent]:
        """Return the events about them; none once they are erased."""
        subject = staff_subject(words)
        keys = open_keys(subject)
        return queryset.filter(subject=keys.pseudonym(subject)) if keys else queryset.none()


FILTERS: Any = (("at", DayFilter), ActionFilter, ActorFilter, ObjectFilter, SubjectFilter)
