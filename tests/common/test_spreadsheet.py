"""Exported cells are no formulas, and an import restores them."""

import pytest

from common.spreadsheet import defused, restored


@pytest.mark.parametrize(
    "cell", ['=HYPERLINK("http://evil")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "|x", "%0A"]
)
def test_a_formula_becomes_text(cell: str) -> None:
    assert defused(cell) == f"'{cell}"
    assert restored(defused(cell)) == cell


@pytest.mark.parametrize("cell", ["", "Oak chair", "-5", "+4.50", "-1,000.5", "'quoted'", "a=b"])
def test_other_cells_stay(cell: str) -> None:
    assert defused(cell) == restored(cell) == cell
