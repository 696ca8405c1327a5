"""The docs list every recommender, and no other."""

import re
from pathlib import Path

from recsys.sources.registry import RECOMMENDERS

PAGE = Path(__file__).parents[3] / "docs" / "recommenders.md"


def test_every_recommender_has_its_row() -> None:
    rows = [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    stated = {re.sub("[` ]", "", name): (history.strip(), context.strip()) for name, _, _, history, context in rows}

    words = {True: "yes", False: "no"}
    result = {name: (words[r.personal], words[r.contextual]) for name, r in RECOMMENDERS.items()}
    assert stated == result, "the last two columns of the table of docs/recommenders.md: `personal`, `contextual`"
