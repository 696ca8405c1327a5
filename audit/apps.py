"""The audit room as Django sees it, and the rights of the app's database role on its tables."""

from typing import ClassVar

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The audit log."""

    name = "audit"
    verbose_name = "Audit log"
    app_role_privileges: ClassVar[dict[str, tuple[str, ...]]] = {
        "audit_event": ("SELECT", "INSERT"),
        "audit_leaf": ("SELECT",),
        "audit_checkpoint": ("SELECT", "INSERT"),
        "audit_pending": ("SELECT",),
        "audit_detail": ("SELECT", "INSERT"),
        "audit_subject_key": ("SELECT", "INSERT"),
        "audit_destruction": ("SELECT",),
        "audit_verification": ("SELECT", "INSERT"),
    }
    app_role_functions: ClassVar[tuple[str, ...]] = (
        "audit_ensure_month(timestamptz)",
        "audit_append(integer)",
        "audit_destroy(bytea)",
    )

    def ready(self) -> None:
        """Register erasure and export. The audit log is erased last, because it proves that the rest was erased."""
        from audit import erasure, personal_places
        from common import privacy

        privacy.register(erasure.STORE)
        personal_places.register()
