"""Verification of signed notes (C2SP signed-note). Pure, and part of the exported programs, which need Python alone."""

import base64
import hashlib
from typing import NamedTuple

from audit.ed25519 import is_signed  # in an export that file itself


class Unreadable(Exception):
    """The files cannot be read at all."""


class Key(NamedTuple):
    """A public key with its name."""

    name: str
    id: bytes
    public: bytes

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}"


def read_key(text: str) -> Key:
    """Return the key of `name+id+key`. Raises Unreadable."""
    try:
        name, id, encoded = text.strip().split("+", 2)
        content = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Unreadable("the key must read name+id+key") from None
    if len(content) != 33 or content[:1] != b"\x01":
        raise Unreadable("the key is no Ed25519 key")
    if hashlib.sha256(name.encode() + b"\n" + content).digest()[:4].hex() != id:
        raise Unreadable("the key's id does not belong to it")
    return Key(name, bytes.fromhex(id), content[1:])


def signed_text(note: str, key: Key) -> str:
    """Return the text of a note. Raises ValueError if the key did not sign it."""
    text, _, signatures = note.partition("\n\n")
    start = f"\u2014 {key.name} "
    for line in signatures.splitlines():
        if line.startswith(start):
            signature = base64.b64decode(line[len(start) :], validate=True)
            if signature[:4] == key.id and is_signed(key.public, f"{text}\n".encode(), signature[4:]):
                return f"{text}\n"
    raise ValueError(f"is not signed by the key {key}")
