"""A shopper's signed receipt of consent: what each purpose may at this moment, with the proofs and their texts.

It is signed with the key of the audit log. `consents/verify_consent.py` verifies it without the installation.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from audit.canonical import stamp
from audit.signing import signer
from common.clock import from_microseconds
from common.errors import Unavailable
from consents.selectors.history import Answer
from consents.verify_consent import text_of

FORM: Final = "vitrine-consent-receipt/1"


def signed_receipt(
    subject: str, answers: Iterable[Answer], *, at: datetime, region: str | None, gpc: bool
) -> dict[str, Any]:
    """Return `receipt`, the signed `note` that holds its SHA-256 in canonical form (RFC 8785), and the public `key`.

    It names no other id of the person. Raises Unavailable before the audit log has its key.
    """
    try:
        key = signer()
    except ImproperlyConfigured as error:
        raise Unavailable("Receipts are signed with the key of the audit log, which is not there.") from error
    receipt = {
        "form": FORM,
        "issuer": key.name,
        "issued_at": stamp(at),
        "subject": subject,
        "region": region,
        "gpc": gpc,
        "purposes": [_line(one) for one in answers],
    }
    return {"receipt": receipt, "note": key.sign(text_of(key.name, receipt)), "key": str(key.verifier)}


def _line(answer: Answer) -> dict[str, Any]:
    verdict, proof = answer.verdict, answer.proof
    return {
        "purpose": answer.purpose,
        "title": answer.title,
        "description": answer.description,
        "version": answer.version,
        "allowed": verdict.allowed,
        "basis": verdict.basis,
        "reason": verdict.reason,
        "at": stamp(from_microseconds(verdict.at)) if verdict.at else None,
        "event_id": proof.message_id if proof else verdict.event_id,
        "rule_id": verdict.rule_id,
        "source": proof.source if proof else "",
        "policy_version": proof.policy_version if proof else "",
        "policy_sha256": proof.policy_sha256 if proof else "",
    }
