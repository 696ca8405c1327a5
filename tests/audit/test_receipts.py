"""A receipt verifies with Python alone, and any change of its files is found."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit import signing, verify_receipt
from audit.notes import new_signer
from audit.receipts import public_key, with_receipt
from common import clock

pytestmark = pytest.mark.usefixtures("key_file")
FILES = {"data.json": b"{}", "orders.csv": b"at\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An unpacked receipt of two files."""
    signing.create_key()
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    for name, content in with_receipt(FILES, about="personal data of one shopper", at=clock.now()).items():
        (unpacked / name).write_bytes(content)
    return unpacked


def verified(folder: Path, key: str = "") -> tuple[int, str]:
    """Run the program of the receipt with Python alone: no site-packages, no environment, none of our code."""
    command = [sys.executable, "-I", "-S", "verify_receipt.py", ".", "--key", key or public_key()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert not done.stderr
    return done.returncode, done.stdout


def test_the_readme_leads_to_no_page_that_an_erased_shopper_has_lost(folder: Path) -> None:
    readme = (folder / "README.txt").read_text()

    assert "(the file `key`)" in readme
    assert "privacy page" not in readme


def test_a_receipt_verifies_with_python_alone(folder: Path) -> None:
    code, output = verified(folder)

    assert code == 0
    assert output.startswith("Verified: personal data of one shopper, time 20")
    assert output.endswith("2 files.\n")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("data.json", b"[]", "data.json was altered"),
        ("more.csv", b"x", "more.csv is not in the receipt"),
        ("orders.csv", None, "orders.csv is missing"),
        ("receipt.note", b"shop/audit\nreceipt\n", "receipt.note is not signed by the key"),
    ],
)
def test_changes_are_found(folder: Path, name: str, content: bytes | None, problem: str) -> None:
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        (folder / name).write_bytes(content)

    problems, _ = verify_receipt.problems_of(verify_receipt.contents(str(folder)), public_key())

    assert [one[: len(problem)] for one in problems] == [problem]


def test_another_key_verifies_nothing(folder: Path) -> None:
    key = str(new_signer("shop.example/audit").verifier)

    assert verify_receipt.main([str(folder), "--key", key]) == 1
    assert verify_receipt.main([str(folder), "--key", "nonsense"]) == 2
