"""Encryption of small secrets: AES-256-GCM under a key derived from the installation's master key."""

import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

NONCE: Final = 12


class Unsealable(Exception):
    """The bytes were not sealed for this purpose, or not under this master key."""


def seal(secret: bytes, *, purpose: str) -> bytes:
    """Return the secret encrypted for one purpose; it cannot be decrypted for another."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(derive(purpose)).encrypt(nonce, secret, purpose.encode())


def unseal(sealed: bytes, *, purpose: str) -> bytes:
    """Return the secret. Raises Unsealable."""
    try:
        return AESGCM(derive(purpose)).decrypt(sealed[:NONCE], sealed[NONCE:], purpose.encode())
    except InvalidTag as error:
        raise Unsealable(purpose) from error


def derive(purpose: str) -> bytes:
    """Return the 32-byte key of a purpose, derived from settings.MASTER_KEY (HKDF-SHA256)."""
    return _derive(settings.MASTER_KEY, purpose)


@lru_cache(maxsize=64)
def _derive(master: str, purpose: str) -> bytes:
    if len(master) < 32:
        raise ImproperlyConfigured("MASTER_KEY (or SECRET_KEY in its place) must be set, at least 32 characters")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"vitrine:" + purpose.encode()).derive(master.encode())
