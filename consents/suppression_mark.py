"""Keyed marks: an id that is recognized when it comes again, and that nobody can read out of its mark."""

import hmac

from common import sealed


def mark_of(raw_id: str) -> str:
    """Return the mark of a raw id: HMAC-SHA256 under a key of this installation, in hex."""
    return hmac.digest(sealed.derive("consents.mark"), raw_id.encode("utf-8", "surrogatepass"), "sha256").hex()
