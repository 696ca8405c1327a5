"""Publishes policy texts, on the record."""

from django.db import transaction

from audit.services import record
from consents.models import PolicyText


@transaction.atomic
def publish_policy(*, version: str, body: str, actor: str, language: str = "en") -> PolicyText:
    """Publish a text as that version, or return the one that was published before; a text never changes."""
    text, is_new = PolicyText.objects.get_or_create(version=version, language=language, defaults={"body": body})
    if is_new:
        data = {"version": version, "language": language, "sha256": text.sha256}
        record(category="consent", action="policytext.added", actor=actor, object=f"policytext:{text.pk}", data=data)
    return text
