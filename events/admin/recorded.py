"""Admin pages of events and orders."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from audit.staff import ReadOnly
from common.money import format_money
from common.pagination import EstimatingPaginator
from common.pseudonyms import staff_pseudonym
from customers.masked_admin import MasksPersonalData, masked_column, masked_text
from events import sender_texts
from events.models import Event, Order, OrderLine
from events.types.recommendation_served import RECOMMENDATION_SERVED
from events.types.registry import EVENT_TYPES

KNOWN_NAMES = sorted(EVENT_TYPES)


class RecordedAdmin(ReadOnly, ModelAdmin):
    """Rows that only the recorder writes. The lists stay quick with millions of rows."""

    show_full_result_count = False
    paginator = EstimatingPaginator
    list_per_page = 50


class NameFilter(admin.SimpleListFilter):
    """Filters by the canonical name. The names come from the registry, because a query for them would read the whole
    table.
    """

    title = "name"
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the names Vitrine knows."""
        return [(name, name) for name in KNOWN_NAMES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Return the events of the chosen name."""
        return queryset.filter(name=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(MasksPersonalData, RecordedAdmin):
    """Events, the last recorded first; a search lists one shopper's by event time."""

    masked_fields = ("properties", "traits", "context", "name", "message_id")
    sealed_fields = ("traits",)
    masked_properties, masked_traits = masked_column("properties"), masked_column("traits")
    masked_context = masked_column("context")
    masked_name = masked_text("name", sender_texts.masked_name)
    masked_message_id = masked_text("message_id", sender_texts.masked_message_id)

    when_empty = "Events come from a shop's pages and servers, with a key of the page API keys."
    list_display = ("at", "name", "kind", "user_id", "anonymous_id", "source")
    list_filter = (NameFilter,)
    search_fields = ("user_id",)
    search_help_text = "user:ID or anonymous:ID (a bare id is either), or an event's own id"
    fields: ClassVar = (
        ("id", "message_id"),
        ("at", "received_at"),
        ("kind", "name"),
        ("user_id", "anonymous_id", "previous_id"),
        ("claimed_user_id", "sender"),
        "properties",
        "traits",
        "context",
        ("consents", "allowed"),
        ("source", "shard", "log_offset"),
        "replay",
    )
    readonly_fields: ClassVar = ["replay"]

    @display(description="Replay")
    def replay(self, event: Event) -> str | None:
        """Link the page that computes an answer again; None for other events."""
        answer = event.properties.get("recommendation_id") if event.name == RECOMMENDATION_SERVED.name else None
        if not answer:
            return None
        return format_html('<a href="{}?answer={}">Compute this answer again</a>', reverse("portal:replay"), answer)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the order that an index gives."""
        return ("-at",) if request.GET.get("q") else ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Search by whole ids only, through their indexes."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        kind, _, value = term.partition(":")
        if kind in ("user", "anonymous") and value:
            return queryset.filter(**{f"{kind}_id": staff_pseudonym(value)}), False
        name = staff_pseudonym(term)
        by_id = Q(user_id=name) | Q(anonymous_id=name)
        try:
            return queryset.filter(Q(id=UUID(term)) | by_id), False
        except ValueError:
            return queryset.filter(by_id), False


class OrderLineInline(TabularInline):
    """The products of an order."""

    model = OrderLine
    fields = readonly_fields = ("position", "product_id", "units", "price_each", "list_id")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody adds by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody edits by hand."""
        return False

    @display(description="Quantity")
    def units(self, line: OrderLine) -> str:
        """Show the quantity without trailing zeros."""
        return f"{line.quantity.normalize():f}"

    @display(description="Price")
    def price_each(self, line: OrderLine) -> str | None:
        """Show the price of one unit."""
        return None if line.price is None else format_money(line.price, line.order.currency)


class StatusFilter(admin.SimpleListFilter):
    """By the latest status."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the four states."""
        return [(name, name.title()) for name in ("completed", "updated", "refunded", "cancelled")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Return the orders in the chosen state."""
        return queryset.filter(status=self.value()) if self.value() else queryset


class ConfirmedFilter(admin.SimpleListFilter):
    """By whether a server sent the order."""

    title = "confirmed"
    parameter_name = "confirmed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return both states."""
        return [("yes", "Confirmed"), ("no", "Unconfirmed: from a browser alone")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Return the orders in the chosen state."""
        return queryset.filter(confirmed=self.value() == "yes") if self.value() in ("yes", "no") else queryset


def amount(name: str) -> Any:
    """Return a column that shows an amount of the order in its currency."""

    @display(description=name.capitalize(), ordering=name)
    def column(self: Any, order: Order) -> str | None:
        value = getattr(order, name)
        return None if value is None else format_money(value, order.currency)

    return column


@admin.register(Order)
class OrderAdmin(RecordedAdmin):
    """Orders as their events describe them."""

    when_empty = "An order comes with its event, Order Completed."
    list_display = ("order_id", "placed_at", "status", "is_confirmed", "user_id", "shown_revenue", "shown_refunded")
    list_filter = (StatusFilter, ConfirmedFilter)
    search_fields = ("order_id__exact", "user_id__exact", "anonymous_id__exact")
    ordering = ("-placed_at",)
    inlines: ClassVar = [OrderLineInline]
    fields = ("order_id", "user_id", "anonymous_id", "status", "is_confirmed", "placed_at", "shown_revenue",
              "revenue_basis", "shown_total", "shown_shipping", "shown_tax", "shown_discount", "coupon",
              "shown_refunded", "wholly_refunded", "status_at", "content_at")  # fmt: skip
    readonly_fields = fields

    @display(description="Confirmed", label={"confirmed": "success", "unconfirmed": "warning"})
    def is_confirmed(self, order: Order) -> str:
        """Show whether a server sent the order, or a browser alone."""
        return "confirmed" if order.confirmed else "unconfirmed"

    shown_revenue, shown_total, shown_shipping = amount("revenue"), amount("total"), amount("shipping")
    shown_tax, shown_discount, shown_refunded = amount("tax"), amount("discount"), amount("refunded")
