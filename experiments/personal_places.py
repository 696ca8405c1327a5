"""What this room holds about shoppers beside its tables, and how long."""

from datetime import timedelta

from django.conf import settings

from common import retention
from common.personal_data import PersonalFields, declare
from experiments.services.retention import count_old_rows, delete_old_rows
from experiments.services.sticky import KEPT_SECONDS


def register() -> None:
    """Declare the arms kept in Redis, and the retentions of this room."""
    declare(
        "kept arms",
        where="v:arms*",
        engine="Redis",
        groups=(PersonalFields(("raw id", "arm"), "assignments", ("experiments",), "kept_arms", "experiments"),),
    )
    for one in (
        retention.Retention("designs", "Test units of designs", "staff and testers that a design names"),
        retention.Retention(
            "kept_arms",
            "Arms in Redis",
            "a visitor who comes back sees the same arm",
            starts="last used",
            period=lambda: timedelta(seconds=KEPT_SECONDS),
            job="Redis, by expiry",
        ),
        retention.Retention(
            "experiments",
            "Who saw which arm",
            "results may be asked about for a year after the end; sums stay",
            starts="part of an experiment that ended and was archived",
            period=lambda: retention.of_days(settings.EXPERIMENTS_RETENTION_DAYS),
            setting="EXPERIMENTS_RETENTION_DAYS",
            delete=delete_old_rows,
            overdue=count_old_rows,
        ),
    ):
        retention.register(one)
