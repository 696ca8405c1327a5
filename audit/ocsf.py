"""The audit log in OCSF 1.6.0 (Open Cybersecurity Schema Framework). Pure."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SESSIONS: Final = {"signed_in": (1, 1), "signed_out": (2, 1), "sign_in_refused": (1, 2)}
"""Activity and status of Authentication, class 3002."""
ACTIVITIES: Final = {
    **dict.fromkeys(("added", "created", "registered", "requested", "queued", "raised", "put", "bulk_put"), 1),
    **dict.fromkeys(("deleted", "removed", "pruned", "discarded"), 4),
    **dict.fromkeys(("read", "exported"), 2),
}
"""Activity of Entity Management, class 3004, by the verb; all other verbs are updates (3)."""


def ocsf(event: dict[str, Any], index: int, body: bytes, hash: str, origin: str) -> dict[str, Any]:
    """Return an event in OCSF. `raw_data` holds the bytes that were hashed, `unmapped` what OCSF has no place for."""
    verb, (kind, _, id) = event["action"].rpartition(".")[2], event["object"].partition(":")
    is_session = verb in SESSIONS
    class_uid = 3002 if is_session else 3004
    activity, status = SESSIONS[verb] if is_session else (ACTIVITIES.get(verb, 3), 1)
    actor = {"type": event["actor"].partition(":")[0], "uid": event["actor"]}
    return {
        "activity_id": activity,
        "category_uid": 3,
        "class_uid": class_uid,
        "type_uid": 100 * class_uid + activity,
        "severity_id": 1,
        "status_id": status,
        "time": (datetime.fromisoformat(event["at"]) - EPOCH) // timedelta(milliseconds=1),
        "message": event["action"],
        "metadata": {
            "version": "1.6.0",
            "product": {"name": "Vitrine", "vendor_name": "Vitrine"},
            "uid": event["id"],
            "sequence": index,
            "log_name": origin,
            "event_code": event["action"],
            "original_time": event["at"],
        },
        "actor": {"user": actor},
        **({"user": {"uid": event["object"]}} if is_session else {"entity": {"type": kind, "uid": id}}),
        "raw_data": body.decode(),
        "raw_data_hash": {"algorithm_id": 3, "algorithm": "SHA-256", "value": sha256(body).hexdigest()},
        "unmapped": {
            "leaf_hash": hash,
            **{name: event[name] for name in ("category", "subject", "data", "detail") if name in event},
        },
    }
