"""The admin of experiments: a list and a page to read. Steps are services, which pages call."""

from typing import ClassVar

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from audit.staff import ReadOnly
from experiments.models import Arm, Experiment, Step


class ArmInline(ReadOnly, TabularInline):
    """The arms of an experiment."""

    model = Arm
    extra = 0
    fields = ("position", "key", "name", "weight", "payload", "levels")


class StepInline(ReadOnly, TabularInline):
    """The steps of an experiment."""

    model = Step
    fk_name = "experiment"
    extra = 0
    fields = readonly_fields = ("number", "at", "action", "actor", "reason", "id")


@admin.register(Experiment)
class ExperimentAdmin(ReadOnly, ModelAdmin):
    """Experiments with their arms and steps."""

    list_display = ("name", "key", "kind", "status", "coverage", "epoch", "started_at")
    list_filter = ("status", "kind")
    search_fields = ("name", "key", "hypothesis", "learnings")
    exclude = ("test_units",)  # names shoppers, whom not every role may see
    inlines: ClassVar = [ArmInline, StepInline]
