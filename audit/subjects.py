"""Subjects on the log: pseudonyms, and details that can be made unreadable. Pure except for randomness."""

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common import sealed

SALT: Final = 16
NONCE: Final = 12
LOOKUP: Final = 32
"""Bytes of `lookup_of`."""


@dataclass(frozen=True, slots=True)
class SubjectKeys:
    """A subject's two keys, open."""

    lookup: bytes
    pseudonym_key: bytes
    data_key: bytes

    def pseudonym(self, subject: str) -> str:
        """Return the subject's pseudonym on the log: HMAC-SHA256 under its own key, in hex."""
        return hmac.new(self.pseudonym_key, subject.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class SealedDetail:
    """An encrypted detail: `digest` goes on the log, the rest into a table that can be deleted."""

    digest: str
    nonce: bytes
    ciphertext: bytes


def lookup_of(subject: str) -> bytes:
    """Return the key of a subject's row: an HMAC under the master key, so that the table holds no ids."""
    return hmac.new(sealed.derive("audit.lookup"), subject.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def encrypt_detail(plain: bytes, *, data_key: bytes, event_id: UUID) -> SealedDetail:
    """Return SHA-256(salt ‖ plain) and the AES-256-GCM ciphertext of both, bound to the event."""
    salted = os.urandom(SALT) + plain
    nonce = os.urandom(NONCE)
    ciphertext = AESGCM(data_key).encrypt(nonce, salted, event_id.bytes)
    return SealedDetail(hashlib.sha256(salted).hexdigest(), nonce, ciphertext)


def decrypt_detail(ciphertext: bytes, *, nonce: bytes, data_key: bytes, event_id: UUID) -> tuple[bytes, str]:
    """Return the detail and its digest for comparison with the event. Raises cryptography's InvalidTag."""
    salted = AESGCM(data_key).decrypt(nonce, ciphertext, event_id.bytes)
    return salted[SALT:], hashlib.sha256(salted).hexdigest()
