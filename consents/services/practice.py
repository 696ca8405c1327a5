"""The practice audit: its findings are written to the audit log, which keeps them as they were."""

from dataclasses import asdict

from django.db import transaction

from audit.services import record
from consents.selectors.practice import ACTION, OBJECT, Finding, findings


def audit_practice(*, actor: str = "system:practice") -> list[Finding]:
    """Compare what the shop promises with what it does; return what is out of line, also where that is nothing."""
    current = findings()
    data = {"n": len(current), "findings": [asdict(one) for one in current]}
    with transaction.atomic():
        record(category="privacy", action=ACTION, actor=actor, object=OBJECT, data=data)
    return current
