"""Customers in the admin: to look up, not to edit."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from customers.models import Customer, CustomerLink


class ReadOnly(ModelAdmin):
    """Rows that only events may change."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody edits by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Erasure goes through a privacy request, which reaches every store."""
        return False


@admin.register(Customer)
class CustomerAdmin(ReadOnly):
    """Raw ids and what was said about them."""

    list_display = ("raw_id", "attributes", "created_at")
    search_fields = ("=raw_id",)
    search_help_text = "user:ID or anonymous:ID, exactly"
    ordering = ("-id",)
    fields = ("raw_id", "attributes", "created_at")


@admin.register(CustomerLink)
class CustomerLinkAdmin(ReadOnly):
    """Which ids were linked, when."""

    list_display = ("kind", "from_id", "user_id", "at")
    list_filter = ("kind",)
    search_fields = ("=from_id", "=user_id")
    ordering = ("-id",)
