"""Audit events as sentences. Pure.

The log knows no room: an action reads `entity.verb`, its verb is a past tense, and that makes a sentence. Only what
would read wrongly stands in a table.
"""

from collections.abc import Mapping
from typing import Any, Final

VERBS: Final = {
    "alarm.raised": "raised an alarm: {object}",
    "clock.tried": "tried the clock {object}",
    "consent.decided": "recorded a shopper's decision on consent",
    "audit_export.completed": "finished writing {object}",
    "audit_export.downloaded": "downloaded {object}",
    "audit_export.failed": "could not write {object}",
    "audit_export.requested": "asked for {object}",
    "customer.read": "read the data of a customer",
    "customer.listed": "read the list of customers",
    "consentproof.read": "read proofs of consent",
    "event.replay_refused": "sent a rejected event again, and it was refused: {object}",
    "event.replayed": "sent a rejected event again: {object}",
    "model.incremented": "updated {object} with the latest events",
    "model.judged": "let {object} pass the gate",
    "model.pruned": "deleted the files of {object}",
    "model.refused": "refused {object} at the gate",
    "model.rolled_back": "rolled back to {object}",
    "own_data.downloaded": "downloaded their own data",
    "practice.audited": "compared promises about personal data with practice",
    "product.exported": "exported products",
    "product.bulk_put": "wrote many products at once",
    "product.import_failed": "could not finish the {object}",
    "product.import_queued": "asked for the {object}",
    "product.import_started": "began the {object}",
    "product.imported": "finished the {object}",
    "product.put": "wrote {object}",
    "retention.applied": "deleted what was kept long enough: {object}",
    "role.synced": "restored the permissions of {object}",
    "rule.undone": "undid the last change of {object}",
    "stores.adopted": "took over the stores of another installation",
    "user.sign_in_refused": "was refused at sign-in: {object}",
    "user.signed_in": "signed in",
    "user.signed_out": "signed out",
}
KINDS: Final = {
    "api_key": "API key",
    "audit_export": "export of the audit log",
    "crontabschedule": "time of a schedule",
    "import": "import",
    "intervalschedule": "interval of a schedule",
    "key": "API key",
    "periodictask": "schedule",
    "policytext": "policy text",
    "product_import": "product import",
    "regionrule": "region rule",
    "consentkey": "consent key",
    "set_aside": "rejected event",
    "user": "account",
}
FIELDS: Final = {"sha256": "fingerprint", "epoch": "version of the assignment"}
HIDDEN: Final = frozenset({"undo", "sha256", "changes", "values", "before", "after", "fields"})
"""Names of an event's data that its sentence and its table of changes show in another way, or that say nothing."""


def sentence(*, actor: str, action: str, object: str) -> str:
    """Return who did what, such as `dee created placement home`. `actor` is a name, or as the log has it."""
    phrase = VERBS.get(action) or f"{words(action.partition('.')[2])} {{object}}"
    return f"{actor_words(actor)} {phrase.replace('{object}', object_words(object))}"


def actor_words(actor: str) -> str:
    """Return an actor in words; a name stays."""
    kind, separator, id = actor.partition(":")
    if not separator:
        return actor
    if kind == "system":
        return f"The system ({words(id)})"
    return f"{KINDS.get(kind, words(kind))} {id}"


def object_words(object: str) -> str:
    """Return an object in words: `periodictask:4` is schedule 4."""
    kind, separator, id = object.partition(":")
    return f"{KINDS.get(kind, words(kind))} {id}" if separator else object


def words(name: str) -> str:
    """Return a name of code as words."""
    return name.replace("_", " ")


def fields_of(data: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that an event says it changed."""
    names = [str(name) for name in data.get("fields") or []]
    for change in data.get("changes") or []:
        for part in change.values() if isinstance(change, dict) else ():
            names += [str(name) for name in part.get("fields") or []]
    return names
