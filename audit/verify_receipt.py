"""Verify a receipt of Vitrine: that its files are those that the shop signed. Needs Python 3.9 or newer alone.

    python3 verify_receipt.py . --key 'shop.example/audit+1a2b3c4d+AbCd…'

The first argument is the zip file or the unpacked folder. Take the key from the shop, not from the receipt. The exit
code is 0 if all is well, 1 if something is wrong, and 2 if the receipt cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import zipfile

from audit.note_check import Unreadable, read_key, signed_text  # in an export that file itself

NOTE = "receipt.note"
MARK = "receipt"
PROOF_FILES = {NOTE, "verify_receipt.py", "README.txt"}
"""Files that prove, and are not proven."""


def contents(path: str) -> dict[str, bytes]:
    """Return the files of a folder or zip file by name."""
    if not os.path.isdir(path):
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    files = {}
    for name in os.listdir(path):
        if os.path.isfile(os.path.join(path, name)):
            with open(os.path.join(path, name), "rb") as file:
                files[name] = file.read()
    return files


def problems_of(files: dict[str, bytes], key_text: str) -> tuple[list[str], list[str]]:
    """Return what is wrong, and the lines of the signed text. Raises Unreadable."""
    key = read_key(key_text)
    if NOTE not in files:
        raise Unreadable(f"there is no {NOTE}")
    try:
        lines = signed_text(files[NOTE].decode(), key).splitlines()
    except ValueError as error:
        return [f"{NOTE} {error}"], []
    if len(lines) < 4 or lines[0] != key.name or lines[1] != MARK:
        raise Unreadable(f"{NOTE} is no receipt of {key.name}")
    signed = {name: digest for digest, _, name in (line.partition("  ") for line in lines[4:])}
    problems = [f"{name} is not in the receipt" for name in sorted(files.keys() - signed.keys() - PROOF_FILES)]
    for name, digest in sorted(signed.items()):
        if name not in files:
            problems.append(f"{name} is missing")
        elif hashlib.sha256(files[name]).hexdigest() != digest:
            problems.append(f"{name} was altered")
    return problems, lines


def main(arguments: list[str] | None = None) -> int:
    """Verify, print the result, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("receipt", help="the zip file or folder")
    parser.add_argument("--key", required=True, help="the shop's public key, name+id+key")
    options = parser.parse_args(arguments)
    try:
        problems, lines = problems_of(contents(options.receipt), options.key)
    except (Unreadable, OSError, ValueError, zipfile.BadZipFile) as error:
        sys.stdout.write(f"NOT VERIFIED: the receipt cannot be read: {error or type(error).__name__}\n")
        return 2
    if problems:
        sys.stdout.write("NOT VERIFIED:\n" + "".join(f"- {problem}\n" for problem in problems))
        return 1
    sys.stdout.write(f"Verified: {lines[2]}, {lines[3]}, {len(lines) - 4} files.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
