"""The list and the page of audit events: sentences, before and after, and whether each is in the signed tree."""

from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import orjson
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from audit.admin.exports import ExportForm, may_export
from audit.admin.filters import FILTERS
from audit.changes import Change, changes_of
from audit.models import AuditEvent
from audit.selectors import earlier_data, read_detail, search
from audit.selectors.tree import MOMENT, log_state, positions_of
from audit.sentences import fields_of, sentence
from audit.services import exports
from audit.staff import NamesActors, ReadOnly, actor_by_name, actor_of
from common import clock
from common.pagination import EstimatingPaginator

PARAMETERS: Final = ("at_from", "at_to", "action", "actor", "object", "subject")
PLACES: Final = {"signed": "success", "waits": "info", "waits too long": "warning", "not in the tree": "danger"}


@admin.register(AuditEvent)
class AuditEventAdmin(NamesActors, ReadOnly, ModelAdmin):
    """Read only, newest first. A search for a shopper (`user:ID`, `anonymous:ID`) lists the events about them."""

    list_display = ("at", "what", "where", "place")
    list_display_links = ("at", "what")
    list_filter = FILTERS
    list_filter_submit = True
    list_before_template = "audit/log_state.html"
    actions_list: ClassVar = ["export_page"]
    search_fields = ("object",)
    search_help_text = (
        "An object, an action or who did it, as they are written here, or a shopper: user:ID, anonymous:ID"
    )
    ordering = ("-at", "-id")
    list_per_page = 50
    show_full_result_count = False
    paginator = EstimatingPaginator
    fields: ClassVar = (
        *("what", "at", "who", "changes", "detail", "tree"),
        *("category", "action", "object", "subject", "id", "canonical"),
    )
    readonly_fields = fields

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list below the state of the log; the link to an export takes the filter along."""
        chosen = {name: request.GET[name] for name in PARAMETERS if request.GET.get(name)}
        address = reverse("admin:audit_auditevent_export_page")
        more = {"log": log_state(), "may_export": may_export(request), "export_filtered": bool(chosen),
                "export_address": f"{address}?{urlencode(chosen)}" if chosen else address}  # fmt: skip
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Set the position of each row in the tree."""
        changelist = super().get_changelist_instance(request)
        places = positions_of([row.id for row in changelist.result_list])
        for row in changelist.result_list:
            row.place_label = _place(row, *places)
        return changelist

    @display(description="What happened")
    def what(self, event: AuditEvent) -> str:
        """Show the event as a sentence, with the fields that it changed."""
        line = sentence(actor=self.called(event), action=event.action, object=event.object)
        names = fields_of(orjson.loads(bytes(event.body))["data"])
        return f"{line}: {', '.join(names)}" if names else line

    @display(description="Action, object and actor")
    def where(self, event: AuditEvent) -> SafeString:
        """Show what can be searched for."""
        return format_html("{}<br>{}<br>{}", event.action, event.object, self.who(event))

    @display(description="Tree", label=PLACES)
    def place(self, event: AuditEvent) -> tuple[str, str]:
        """Show whether the event is in the signed tree, and where."""
        label: tuple[str, str] = event.place_label  # type: ignore[attr-defined]  # set for the whole list at once
        return label

    @display(description="In the signed tree")
    def tree(self, event: AuditEvent) -> str:
        """Show the event's place on its own page."""
        return _place(event, *positions_of([event.id]))[1]

    @display(description="Actor")
    def who(self, event: AuditEvent) -> str:
        """Show the actor as logged; before a staff id its current user name, because names may change."""
        called = self.called(event)
        return event.actor if called == event.actor else f"{called} ({event.actor})"

    @display(description="Before and after")
    def changes(self, event: AuditEvent) -> SafeString:
        """Show what changed, compared with the event before about the same object."""
        data = orjson.loads(bytes(event.body))["data"]
        return _table(changes_of(data, earlier_data(event)), has_before=True)

    @display(description="Detail")
    def detail(self, event: AuditEvent) -> SafeString | str:
        """Show the encrypted detail, while its key exists."""
        if "detail" not in orjson.loads(bytes(event.body)):
            return "none"
        detail = read_detail(event.id)
        if detail is None:
            return "erased"
        return _table(changes_of(detail), has_before=False)

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

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may export the log."""
        return may_export(request)

    @action(description="Export", url_path="export", permissions=["export"])
    def export_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for format and filter, then hand the export to a worker."""
        form = ExportForm(request.POST) if request.method == "POST" else ExportForm(initial=request.GET.dict())
        if form.is_valid():
            row = exports.queue_export(
                format=form.cleaned_data["format"], declared=form.declared, actor=actor_of(request)
            )
            return HttpResponseRedirect(reverse("admin:audit_auditexport_change", args=[row.pk]))
        context = {"title": "Export the audit log", "form": form, "log": log_state(),
                   "back": reverse("admin:audit_auditevent_changelist")}  # fmt: skip
        page = {**self.admin_site.each_context(request), **context}
        return render(request, "audit/export.html", page, status=422 if form.errors else 200)


def _table(changes: list[Change], *, has_before: bool) -> SafeString:
    return SafeString(render_to_string("audit/changes.html", {"changes": changes, "has_before": has_before}))


def _place(event: AuditEvent, positions: dict[Any, int], waiting: set[Any]) -> tuple[str, str]:
    """Return the kind of place and its text. An event in neither tree nor outbox was written behind the triggers."""
    if event.id in positions:
        return "signed", f"№ {positions[event.id]}"
    if event.id not in waiting:
        return "not in the tree", "NOT in the tree: forged"
    is_late = event.at < clock.real_now() - MOMENT
    return ("waits too long", "waits for the sequencer") if is_late else ("waits", "waits for its signature")
