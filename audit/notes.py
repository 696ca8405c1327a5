"""Signed notes (C2SP signed-note): text lines, an empty line, and an Ed25519 signature. Pure but for a new key's bits.

A checkpoint is such a note (C2SP tlog-checkpoint): origin, size, root in base64. An extension line says when it was
signed.
"""

import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.canonical import stamp

ED25519: Final = b"\x01"
DASH: Final = "\u2014"
TIME: Final = "time "


class BadNote(ValueError):
    """The note is malformed, or not signed by this key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint's text says."""

    origin: str
    size: int
    root: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name, in the form `name+id+key` that signed notes use."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """The 4 bytes in front of each signature of this key."""
        return sha256(f"{self.name}\n".encode() + ED25519 + self.key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.key).decode()}"

    def text_of(self, note: str) -> str:
        """Return the signed text of a note. Raises BadNote."""
        text, separator, signatures = note.partition("\n\n")
        text += "\n"
        for line in signatures.splitlines():
            signature = _signature(line, name=self.name)
            if separator and signature[:4] == self.id:
                try:
                    Ed25519PublicKey.from_public_bytes(self.key).verify(signature[4:], text.encode())
                except InvalidSignature as error:
                    raise BadNote(f"the signature of {self.name} is wrong") from error
                return text
        raise BadNote(f"there is no signature of {self.name} ({self.id.hex()})")


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name."""

    name: str
    seed: bytes

    @property
    def verifier(self) -> Verifier:
        """The public key."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return Verifier(self.name, public.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def __str__(self) -> str:
        return f"PRIVATE+KEY+{self.name}+{self.verifier.id.hex()}+{b64encode(ED25519 + self.seed).decode()}"

    def sign(self, text: str) -> str:
        """Return the note of a text, which ends in a line break and has no empty line."""
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        return f"{text}\n{DASH} {self.name} {b64encode(self.verifier.id + signature).decode()}\n"


def new_signer(name: str) -> Signer:
    """Return a new key. Raises ValueError for a name that notes cannot hold."""
    if not name or "+" in name or any(character.isspace() for character in name):
        raise ValueError(f"a key of notes cannot be named {name!r}")
    return Signer(name, os.urandom(32))


def parse_signer(text: str) -> Signer:
    """Return the key of a file. Raises BadNote."""
    try:
        private, word, name, id, encoded = text.strip().split("+", 4)
        content = b64decode(encoded, validate=True)
    except ValueError as error:
        raise BadNote("not a private key of signed notes") from error
    signer = Signer(name, content[1:])
    if (private, word, content[:1], len(content)) != ("PRIVATE", "KEY", ED25519, 33) or signer.verifier.id.hex() != id:
        raise BadNote("not a private Ed25519 key of signed notes")
    return signer


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Return the lines of a checkpoint."""
    root = b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n{TIME}{stamp(checkpoint.at)}\n"


def parse_checkpoint(note: str) -> Checkpoint:
    """Return what a checkpoint says, without a look at its signature. Raises BadNote."""
    try:
        origin, size, root, time = note.partition("\n\n")[0].split("\n")[:4]
        at = datetime.fromisoformat(time.removeprefix(TIME)).astimezone(UTC)
        return Checkpoint(origin, int(size), b64decode(root, validate=True), at)
    except ValueError as error:
        raise BadNote("not a checkpoint") from error


def _signature(line: str, *, name: str) -> bytes:
    """Return key id and signature of a signature line of this name; nothing for other lines."""
    dash, _, rest = line.partition(" ")
    signer, _, encoded = rest.partition(" ")
    if dash != DASH or signer != name:
        return b""
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        return b""
