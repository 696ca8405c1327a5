"""The compliance officer's page of the audit log: read and search."""

from typing import ClassVar

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from audit.models import AuditEvent
from audit.selectors import read_detail, search
from audit.staff import NamesActors, ReadOnly, actor_by_name
from common.pagination import EstimatingPaginator


@admin.register(AuditEvent)
class AuditEventAdmin(NamesActors, ReadOnly, ModelAdmin):
    """Read only, newest first. A search for a shopper (`user:ID`, `anonymous:ID`) lists the events about them."""

    list_display = ("at", "action", "who", "object", "data_summary")
    search_fields = ("object",)
    search_help_text = (
        "An object, an action or who did it, as they are written here, or a shopper: user:ID, anonymous:ID"
    )
    ordering = ("-at", "-id")
    list_per_page = 50
    show_full_result_count = False
    paginator = EstimatingPaginator
    fields: ClassVar = (
        "id",
        "at",
        "category",
        "action",
        "who",
        "object",
        "subject",
        "data_summary",
        "detail",
        "canonical",
    )
    readonly_fields = fields

    @display(description="Actor", ordering="actor")
    def who(self, event: AuditEvent) -> str:
        """Show the actor as logged; before a staff id its current user name, because names may change."""
        called = self.called(event)
        return event.actor if called == event.actor else f"{called} ({event.actor})"

    @display(description="Data")
    def data_summary(self, event: AuditEvent) -> str:
        """Show the event's data in one line."""
        return orjson.dumps(orjson.loads(bytes(event.body))["data"]).decode()[:300]

    @display(description="Detail")
    def detail(self, event: AuditEvent) -> str:
        """Show the encrypted detail, while its key exists."""
        if "detail" not in orjson.loads(bytes(event.body)):
            return "none"
        detail = read_detail(event.id)
        return "erased" if detail is None else orjson.dumps(detail).decode()

    @display(description="Canonical bytes")
    def canonical(self, event: AuditEvent) -> SafeString:
        """Show the hashed bytes."""
        return format_html("<code style='word-break:break-all'>{}</code>", bytes(event.body).decode())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        """Search by exact words, through the indexes."""
        words = search_term.strip()
        return (search(queryset, words, actor=actor_by_name(words)) if words else queryset), False
