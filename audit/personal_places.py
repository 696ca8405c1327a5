"""How long the audit log keeps what it holds about people."""

from datetime import timedelta
from typing import Final

from django.conf import settings

from common import retention
from common.personal_data import declare, staff_fields

EXPORTS: Final = "audit_exports"


def register() -> None:
    """Declare the files of exports, and the retentions of this room."""
    declare(
        "exports of the audit log",
        where="MEDIA_ROOT/audit-exports/*",
        engine="files",
        groups=(staff_fields("actor", "pseudonyms of shoppers", retention=EXPORTS),),
    )
    retention.register(
        retention.Retention(
            "audit_log", "Audit log", "it is the proof; an erasure destroys the keys of pseudonyms and details"
        )
    )
    retention.register(
        retention.Retention(
            EXPORTS,
            "Exports of the audit log",
            "long enough to download them",
            starts="written",
            period=lambda: timedelta(days=settings.AUDIT_EXPORT_DAYS),
            setting="AUDIT_EXPORT_DAYS",
            job="the schedule “exports of the audit log”",
        )
    )
