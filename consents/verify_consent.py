"""Verify a shopper's consent receipt. Needs a clone of Vitrine and Python 3.9 or newer, and nothing else.

    python3 -m consents.verify_consent receipt.json --key 'shop.example/audit+1a2b3c4d+AbCd…'

The key is public: take it from where the audit log's checkpoints are published, not from the receipt. The exit code is
0 if all is well, 1 if the receipt is not what was signed, and 2 if it cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from hashlib import sha256
from typing import Any

from audit.note_check import Unreadable, read_key, signed_text
from audit.verify_audit import say

KIND = "consent-receipt"


def digest_of(receipt: dict[str, Any]) -> str:
    """Return the SHA-256 of the receipt's canonical bytes (RFC 8785), in hex. It holds no number but whole ones, and
    its names are ASCII, so that sorted JSON is canonical.
    """
    canonical = json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


def text_of(issuer: str, receipt: dict[str, Any]) -> str:
    """Return the text that the note signs."""
    return f"{issuer}\n{KIND}\n{digest_of(receipt)}\n"


def main(arguments: list[str] | None = None) -> int:
    """Verify, print the result, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("receipt", help="the file")
    parser.add_argument("--key", help="the public key of the shop's audit log, name+id+key")
    options = parser.parse_args(arguments)
    try:
        with open(options.receipt, encoding="utf-8") as file:
            content = json.load(file)
        key, receipt, note = read_key(options.key or content["key"]), content["receipt"], str(content["note"])
        text, subject, at = text_of(key.name, receipt), receipt["subject"], receipt["issued_at"]
    except (Unreadable, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        say(f"NOT VERIFIED: the receipt cannot be read: {error or type(error).__name__}")
        return 2
    try:
        if signed_text(note, key) != text:
            raise ValueError("is not what was signed")
    except ValueError as error:
        say(f"NOT VERIFIED: the receipt {error}")
        return 1
    if not options.key:
        say(f"The key was taken from the receipt itself. Compare it with the published one: {content['key']}")
    say(f"Verified: the consent receipt of {subject}, issued at {at} by {key.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
