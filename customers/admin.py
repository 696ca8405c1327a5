"""Read-only admin pages of customers."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from audit.reads import note_read
from audit.staff import ReadOnly, actor_of
from common.pagination import EstimatingPaginator
from common.pseudonyms import subjects_named
from customers.masked_admin import MasksPersonalData, masked_column
from customers.models import Customer, CustomerLink


@admin.register(Customer)
class CustomerAdmin(MasksPersonalData, ReadOnly, ModelAdmin):
    """Raw ids and their attributes."""

    masked_fields = sealed_fields = ("attributes",)
    masked_attributes = masked_column("attributes")

    when_empty = "A customer comes with the first event that names one."
    show_full_result_count = False
    paginator = EstimatingPaginator
    list_per_page = 50
    list_display = ("raw_id", "attributes", "created_at")
    search_fields = ("raw_id__exact",)
    search_help_text = "user:ID or anonymous:ID (a bare id is either)"
    ordering = ("-id",)
    fields = ("raw_id", "attributes", "created_at")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Customer | None:
        """Record who reads the row."""
        row: Customer | None = super().get_object(request, object_id, from_field)
        if row is not None:
            note_read("customer.read", actor=actor_of(request), object="customer:page", subject=row.raw_id)
        return row

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Record who reads the list."""
        note_read("customer.listed", actor=actor_of(request), object="customer:list")
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        """Search by whole ids only, through their index."""
        term = search_term.strip()
        return (queryset.filter(raw_id__in=subjects_named(term)) if term else queryset), False


@admin.register(CustomerLink)
class CustomerLinkAdmin(ReadOnly, ModelAdmin):
    """Links between ids, with their times."""

    when_empty = "A link comes with the first login of a visitor."
    show_full_result_count = False
    paginator = EstimatingPaginator
    list_per_page = 50
    list_display = ("kind", "from_id", "user_id", "at")
    list_filter = ("kind",)
    search_fields = ("from_id__exact", "user_id__exact")
    ordering = ("-id",)
