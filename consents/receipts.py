"""Receipts of privacy requests: what was done, with fields and counts by store, and never an id."""

from collections import Counter
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import rfc8785

from common import privacy
from consents.models import Kind, PrivacyRequest
from consents.request_content import RequestContent

FORM: Final = "vitrine-privacy-receipt/1"


def receipt_of(request: PrivacyRequest, content: RequestContent, *, status: str, at: datetime) -> dict[str, Any]:
    """Return the receipt of a request that is closed at that time. Its SHA-256 stands in the audit log."""
    kinds = Counter(subject.partition(":")[0] for subject in content.person.subjects)
    return {
        "form": FORM,
        "request": str(request.pk),
        "kind": request.kind,
        "regime": request.regime,
        "status": str(status),
        "received_at": request.received_at.isoformat(),
        "due_on": request.due_on.isoformat(),
        "completed_at": at.isoformat(),
        "identity": request.identity_method,
        "ids": {"accounts": kinds["user"], "devices": kinds["anonymous"]},
        "corrected": sorted(content.corrections),
        "stores": _stores_of(request),
        "afterwards": privacy.notes_after_erasure() if request.kind == Kind.ERASURE else [],
    }


def digest_of(receipt: dict[str, Any]) -> str:
    """Return the SHA-256 of the receipt in canonical form (RFC 8785), in hex."""
    return sha256(rfc8785.dumps(receipt)).hexdigest()


def _stores_of(request: PrivacyRequest) -> list[dict[str, Any]]:
    notes = {store.name: store.note for store in privacy.stores()}
    return [
        {
            "store": step.store,
            "state": step.state,
            "tables": step.holdings,
            "erased": step.erased,
            "remaining": step.remaining,
            "note": notes.get(step.store, ""),
        }
        for step in request.steps.all()
    ]
