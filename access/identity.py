"""Proof that a browser speaks for a known customer: the shop's server signs the user id. Pure."""

import hashlib
import hmac

from access.keys import KeyRecord


def sign_user(identity_secret: str, *, user_id: str) -> str:
    """Return the user hash: HMAC-SHA256 of the user id under the key's identity secret, in hex."""
    return hmac.new(identity_secret.encode(), user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def proves_user(key: KeyRecord, *, user_id: str, user_hash: str | None) -> bool:
    """Return whether the sender with this key speaks for the user.

    A server always does, a browser with the user hash. Where the shop does not require the hash, a browser does so
    without one too; a wrong hash proves nothing even there.
    """
    if not key.publishable:
        return True
    return verify_user_hash(key, user_id=user_id, user_hash=user_hash) if user_hash else not key.requires_user_hash


def verify_user_hash(key: KeyRecord, *, user_id: str, user_hash: str | None) -> bool:
    """Return whether `user_hash` proves the user id to this key. Takes the same time for every wrong hash."""
    expected = sign_user(key.identity_secret, user_id=user_id)
    return hmac.compare_digest(expected.encode(), (user_hash or "").lower().encode("utf-8", "surrogatepass"))
