"""Signed notes and checkpoints: the format of C2SP, signatures that Python alone verifies, keys in a file."""

import json
import stat
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from audit import ed25519, note_check, signing
from audit.notes import BadNote, Checkpoint, Signer, checkpoint_text, new_signer, parse_checkpoint, parse_signer

CHECKPOINT = Checkpoint("shop.example/audit", 7, b"r" * 32, datetime(2026, 12, 1, 12, 0, 0, 5, tzinfo=UTC))
SUM_DB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
"""A key that many programs hold: that of Go's checksum database."""


def test_a_checkpoint_reads_as_the_format_wants_it() -> None:
    note = new_signer("shop.example/audit").sign(checkpoint_text(CHECKPOINT))

    lines = note.split("\n")
    assert lines[:2] == ["shop.example/audit", "7"]
    assert lines[2:5] == ["cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=", "time 2026-12-01T12:00:00.000005Z", ""]
    assert lines[5].startswith("\u2014 shop.example/audit ")
    assert len(b64decode(lines[5].split()[-1])) == 4 + 64
    assert parse_checkpoint(note) == CHECKPOINT


def test_both_verifiers_accept_the_key_and_no_other() -> None:
    signer, other = new_signer("shop.example/audit"), new_signer("shop.example/audit")
    note = signer.sign("a\nb\n")

    assert signer.verifier.text_of(note) == "a\nb\n"
    assert note_check.signed_text(note, note_check.read_key(str(signer.verifier))) == "a\nb\n"
    for changed, key in ((note, other), (note.replace("a", "c", 1), signer), ("a\nb\n", signer)):
        with pytest.raises(BadNote):
            key.verifier.text_of(changed)
        with pytest.raises(ValueError, match="is not signed by the key"):
            note_check.signed_text(changed, note_check.read_key(str(key.verifier)))


def test_a_known_key_has_the_id_that_it_names() -> None:
    assert note_check.read_key(SUM_DB).id.hex() == "033de0ae"
    with pytest.raises(note_check.Unreadable, match="does not belong"):
        note_check.read_key(SUM_DB.replace("033de0ae", "033de0af"))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 511))
@settings(max_examples=25)
def test_signatures_verify_in_python_alone(seed: bytes, message: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), private.sign(message)
    broken = bytearray(signature)
    broken[bit // 8] ^= 1 << bit % 8

    assert ed25519.is_signed(public, message, signature)
    assert not ed25519.is_signed(public, message, bytes(broken))
    assert not ed25519.is_signed(public, message + b"x", signature)


def test_a_signature_of_rfc_8032_verifies() -> None:
    key = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )

    assert ed25519.is_signed(key, b"\x72", signature)


def test_a_key_is_created_once_and_readable_to_its_owner_alone(settings: Settings, tmp_path: Path) -> None:
    settings.AUDIT_KEY_FILE, settings.PUBLIC_URL = tmp_path / "new" / "signing.key", "https://shop.example:8443/x"

    signing.create_key()
    first = signing.signer()
    signing.create_key()

    assert signing.signer() == first == parse_signer(str(first))
    assert first.name == "shop.example:8443/audit"
    assert stat.S_IMODE(settings.AUDIT_KEY_FILE.stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["signing.key"]


@pytest.mark.parametrize("content", [None, "", "PRIVATE+KEY+x", f"{Signer('a', b's' * 32)}"[:-4], b"\xff"])
def test_a_key_that_cannot_be_used_says_where_it_should_be(settings: Settings, tmp_path: Path, content: object) -> None:
    settings.AUDIT_KEY_FILE = path = tmp_path / "signing.key"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else str(content).encode())

    with pytest.raises(ImproperlyConfigured, match="AUDIT_KEY_FILE: .*signing.key"):
        signing.signer()


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_names_that_break_the_format_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        new_signer(name)


def test_what_is_no_checkpoint_is_refused() -> None:
    for text in ("", "a\n1\n", "a\nx\nAAAA\ntime 2026-01-01T00:00:00Z\n", json.dumps({})):
        with pytest.raises(BadNote):
            parse_checkpoint(text)
