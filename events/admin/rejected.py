"""Admin pages of rejected events: why, who sent them, and whether they were sent again."""

from datetime import date, timedelta
from typing import Any, ClassVar, Final

import orjson
from django.contrib import admin, messages
from django.db.models import Count, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from access.selectors import key_titles
from audit.staff import LimitedActions, actor_of
from common import clock
from customers.masked_admin import MasksPersonalData, masked_column, masked_text
from customers.personal_seals import opened_payload
from events import sender_texts
from events.admin.recorded import RecordedAdmin
from events.models import SetAside
from events.rejections import name_in
from events.services.resend import lasting_refusal, resend

LIST: Final = "admin:events_setaside_changelist"
HOPELESS: Final = "Sent again unchanged, it is refused again ({}). The sender must send a corrected event."
MAYBE: Final = "This server would accept it by now."
LOOKUP_DAYS: Final = 30
"""Reasons and senders of these days are offered as filters: a read of all rows would take too long."""
MOST_CHOICES: Final = 30
DAYS: Final = 7


class WaitingFilter(admin.SimpleListFilter):
    """Filters by whether the event was sent again."""

    title = "sent again"
    parameter_name = "sent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [
            ("no", "Not yet"),
            ("accepted", "Accepted"),
            ("refused", "Refused once more"),
            ("never", "Never: warnings"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SetAside]) -> QuerySet[SetAside]:
        """Return the items in the chosen state."""
        match self.value():
            case "no":
                return queryset.filter(replayed_at=None, warning=None)
            case "accepted":
                return queryset.exclude(replayed_at=None).filter(replay_error="")
            case "refused":
                return queryset.filter(warning=None).exclude(replay_error="")
            case "never":
                return queryset.exclude(warning=None)
        return queryset


class ColumnFilter(admin.SimpleListFilter):
    """Filters by a column's most frequent values of the last days; an address may name any value."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values, the most frequent first, and the chosen one."""
        recent = SetAside.objects.filter(received_at__gte=clock.now() - timedelta(days=LOOKUP_DAYS))
        column = str(self.parameter_name)
        counted = recent.values_list(column).annotate(n=Count("pk")).order_by("-n", column)
        values = [value for value, _ in counted[:MOST_CHOICES] if value]
        chosen = request.GET.get(column)
        return [(value, self.title_of(value)) for value in dict.fromkeys([*values, *([chosen] if chosen else [])])]

    def title_of(self, value: str) -> str:
        """Return what the page calls the value."""
        return value

    def queryset(self, request: HttpRequest, queryset: QuerySet[SetAside]) -> QuerySet[SetAside]:
        """Return the items with the chosen value."""
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class ReasonFilter(ColumnFilter):
    """By the reason."""

    title = "reason"
    parameter_name = "reason"


class SourceFilter(ColumnFilter):
    """By the key that sent it."""

    title = "source"
    parameter_name = "source"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._titles = key_titles()
        super().__init__(*args, **kwargs)

    def title_of(self, value: str) -> str:
        """Return the name of the key."""
        return self._titles.get(value, value)


class DayFilter(admin.SimpleListFilter):
    """By the day (UTC) on which it came; an address may name any day."""

    title = "day"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the last days."""
        today = clock.now().date()
        days = [(today - timedelta(days=back)).isoformat() for back in range(DAYS)]
        return [(day, "today" if at == 0 else "yesterday" if at == 1 else day) for at, day in enumerate(days)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SetAside]) -> QuerySet[SetAside]:
        """Return the items of the chosen day; what is no day chooses nothing."""
        if not (text := self.value()):
            return queryset
        try:
            return queryset.filter(received_at__date=date.fromisoformat(text))
        except ValueError:
            return queryset.none()


@admin.register(SetAside)
class SetAsideAdmin(MasksPersonalData, LimitedActions, RecordedAdmin):
    """Rejected events: why, what, and whether they were sent again."""

    masked_fields = ("payload", "message_id", "event_name")
    masked_payload = masked_column("payload")
    masked_message_id = masked_text("message_id", sender_texts.masked_message_id)

    when_empty = "What is wrong in an event that came in would be told here."
    list_display = ("received_at", "event_name", "reason", "field", "sender", "message_id", "times", "replayed_at",
                    "replay_error")  # fmt: skip
    list_filter = (WaitingFilter, DayFilter, ReasonFilter, SourceFilter)
    search_fields = ("=message_id", "reason", "field")
    ordering = ("-received_at",)
    actions: ClassVar = ["send_again"]
    actions_detail: ClassVar = ["send_again_page"]
    fields: ClassVar = (
        "received_at",
        "event_name",
        "reason",
        "field",
        "prospect",
        "times",
        "message_id",
        "sender",
        "payload",
        "replayed_at",
        "replay_error",
    )
    readonly_fields: ClassVar = ["event_name", "masked_event_name", "sender", "prospect"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Name the senders of all rows with one query."""
        changelist = super().get_changelist_instance(request)
        titles = key_titles()
        for row in changelist.result_list:
            row.sender_title = titles.get(row.source, row.source)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Open what was sealed in the payload. The row is never saved."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            row.payload = _opened(row.payload)
        return row

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return whether the person may see payloads with their ids; who may only send them again does not."""
        return request.user.has_perm("events.view_setaside")

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether the person may send events again."""
        return request.user.has_perm("events.change_setaside")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Show the button only on an event that may be sent again."""
        actions = super().get_actions_detail(request, object_id)
        return [] if _row_of(object_id).warning is not None else actions

    @action(description="Send again", permissions=["replay"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[SetAside]) -> None:
        """Send the chosen events through the collection API again."""
        accepted, refused = resend(queryset, actor=actor_of(request))
        if accepted:
            messages.success(request, f"{accepted} accepted.")
        if refused:
            link = f"{reverse(LIST)}?sent=refused"
            message = format_html('{} refused once more: <a href="{}">see why</a>.', refused, link)
            messages.warning(request, message)

    @action(description="Send again", url_path="send-again", permissions=["replay"])
    def send_again_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what would come of it, then send this one event again."""
        item = _row_of(object_id)
        if request.method == "POST":
            _, refused = resend([item], actor=actor_of(request))
            if refused:
                messages.warning(request, f"Refused once more: {item.replay_error}")
            else:
                messages.success(request, "Accepted.")
            return HttpResponseRedirect(reverse("admin:events_setaside_change", args=[item.pk]))
        context = {
            "title": "Send this event again?",
            "item": item,
            "event_name": self.event_name(item),
            "sender": self.sender(item),
            "prospect": self.prospect(item),
            "is_hopeless": bool(lasting_refusal(item)),
            "back": reverse("admin:events_setaside_change", args=[item.pk]),
        }
        return render(request, "events/send_again.html", {**self.admin_site.each_context(request), **context})

    @display(description="Event name")
    def event_name(self, item: SetAside) -> str:
        """Return the name of the event as its payload has it."""
        return name_in(item.payload) or "–"

    @display(description="Event name")
    def masked_event_name(self, item: SetAside) -> str:
        """Return the name if it is one of Vitrine's."""
        return sender_texts.masked_name(name_in(item.payload)) or "–"

    @display(description="Source", ordering="source")
    def sender(self, item: SetAside) -> str:
        """Return the name of the key that sent it, or what else did."""
        return getattr(item, "sender_title", None) or key_titles().get(item.source, item.source) or "–"

    @display(description="If sent again")
    def prospect(self, item: SetAside) -> str:
        """Return whether this server would accept the event now."""
        if item.warning is not None:
            return "A warning: what it is about was not rejected."
        reason = lasting_refusal(item)
        return HOPELESS.format(reason) if reason else MAYBE


def _row_of(object_id: Any) -> SetAside:
    if not str(object_id).isdecimal():
        raise Http404
    return get_object_or_404(SetAside, pk=object_id)


def _opened(payload: str) -> str:
    """Return the payload with names and contact data as they were sent; what is no JSON stays as it came."""
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload
    content = opened_payload(fields)
    return payload if content == fields else orjson.dumps(content).decode()
