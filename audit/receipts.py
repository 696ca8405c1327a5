"""Signed receipts: whoever has some files can show later, to anybody, that this shop handed out exactly these.

A receipt is a signed note (C2SP) under the audit log's key. Its lines are the key's name, `receipt`, what it is about,
its time, and the SHA-256 of each file as `sha256sum` writes it.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

from audit import signing, verify_receipt
from audit.canonical import stamp
from audit.programs import program

README: Final = """{about}

{note} proves that {shop} handed out these files, unaltered. Verify it with Python 3.9 or newer alone:

    python3 verify_receipt.py . --key '{key}'

Do not take the key from this file: compare it with the one that the shop publishes with the checkpoints of its audit
log (the file `key`), or ask the shop for it. That also works after an erasure, when the shop has no page for you.
"""


def public_key() -> str:
    """Return the key that verifies receipts, `name+id+key`. Raises ImproperlyConfigured before the log has one."""
    return str(signing.signer().verifier)


def with_receipt(files: Mapping[str, bytes], *, about: str, at: datetime) -> dict[str, bytes]:
    """Return the files with a signed receipt, the program that verifies it, and how to. `about` is one line.

    Raises ImproperlyConfigured before the log has a key.
    """
    signer = signing.signer()
    lines = [f"{sha256(content).hexdigest()}  {name}" for name, content in sorted(files.items())]
    text = "\n".join([signer.name, verify_receipt.MARK, about, f"time {stamp(at)}", *lines])
    how = README.format(about=about, note=verify_receipt.NOTE, shop=signer.name, key=signer.verifier)
    return {
        **files,
        verify_receipt.NOTE: signer.sign(f"{text}\n").encode(),
        "verify_receipt.py": program(verify_receipt).encode(),
        "README.txt": how.encode(),
    }
