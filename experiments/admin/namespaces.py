"""The admin of namespaces, whose experiments share no shopper."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from audit.staff import ReadOnly
from experiments.models import Namespace


@admin.register(Namespace)
class NamespaceAdmin(ReadOnly, ModelAdmin):
    """Namespaces, whose experiments share no shopper."""

    list_display = ("name", "key")
    search_fields = ("name", "key")
