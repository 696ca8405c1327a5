"""The compliance officer's pages of the audit log: read, search, export."""

from audit.admin.events import AuditEventAdmin
from audit.admin.exports import AuditExportAdmin

__all__ = ["AuditEventAdmin", "AuditExportAdmin"]
