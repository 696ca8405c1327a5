"""Cells that spreadsheet programs would run as formulas. Pure.

The rule is that of the package `defusedcsv`: an apostrophe in front of what begins like a formula. Numbers stay.
"""

import re
from typing import Final

_FORMULA: Final = re.compile(r"[=+\-@\t\r\n|%]")
_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9.,]*\Z")


def defused(cell: str) -> str:
    """Return the cell as text that no spreadsheet program runs."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.match(cell) else cell


def restored(cell: str) -> str:
    """Return the cell as it was before `defused`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell
