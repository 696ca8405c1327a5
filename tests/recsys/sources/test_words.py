"""Words are found in every script, so that new products have neighbors whatever a shop writes its titles in."""

import re

import numpy as np
import pytest

from recsys.data.catalog import Catalog
from recsys.data.profile import Context, Profile
from recsys.ranking.text_similarity import TextSimilarity
from recsys.sources import text
from recsys.sources.registry import make
from recsys.sources.scoring import Scoring
from tests.recsys import shops

SHELVES = {
    "English": ("oak chair white", "oak chair black", "steel lamp white", "steel lamp black"),
    "Japanese": ("オーク材の椅子白", "オーク材の椅子黒", "スチールのランプ白", "スチールのランプ黒"),
    "Chinese": ("白色橡木椅子", "黑色橡木椅子", "白色钢制台灯", "黑色钢制台灯"),
    "Thai": ("เก้าอี้ไม้โอ๊คสีขาว", "เก้าอี้ไม้โอ๊คสีดำ", "โคมไฟเหล็กสีขาว", "โคมไฟเหล็กสีดำ"),
    "Hindi": ("ओक कुर्सी सफ़ेद", "ओक कुर्सी काला", "लोहा दीया सफ़ेद", "लोहा दीया काला"),
}
EVERYTHING = np.ones(4, bool)


def shelf(*titles: str) -> Catalog:
    return Catalog(item_ids=tuple(f"P{number}" for number in range(len(titles))), titles=titles)


def nearest(model: Scoring, code: int) -> int:
    """Return the item that the model puts first beside another."""
    return int(model.recommend(Profile.empty(shops.START), Context(items=(code,)), 1).items[0])


@pytest.mark.parametrize("titles", SHELVES.values(), ids=SHELVES)
def test_the_nearest_of_a_product_nobody_touched_is_the_one_of_another_color(titles: tuple[str, ...]) -> None:
    model = make("content").fit(shops.interactions([], n_users=1), shelf(*titles))
    kinship = TextSimilarity.of(shelf(*titles))

    assert [nearest(model, code) for code in range(4)] == [1, 0, 3, 2]
    assert [kinship.nearest(code, mask=EVERYTHING, k=1).tolist() for code in range(4)] == [[1], [0], [3], [2]]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Oak_chair, 2-seat; No 7", ["oak", "chair", "seat", "no"]),
        ("Stühle STU\u0308HLE Sitz\u00adbank", ["stühle", "stühle", "sitzbank"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("KAPI kapı İSTANBUL", ["kapi", "kapi", "istanbul"]),
        ("ΔΡΌΜΟΣ δρόμος", ["δρόμοσ", "δρόμοσ"]),
        ("Tシャツ ﾗｸﾞ ＬＥＤ 机", ["シャ", "ャツ", "ラグ", "led", "机"]),
        ("Rug ❤️ 10 m²", ["rug", "10", "m2"]),
        ("<p class='x'>B&auml;nke&nbsp;&amp; St&#252;hle</p><br/>size <40", ["bänke", "stühle", "size", "40"]),
    ],
)
def test_a_word_is_the_same_however_it_is_written(written: str, words: list[str]) -> None:
    assert text.tokenize(written) == words


def test_plain_english_is_read_as_ever() -> None:
    written = "SOFT DRINKS 12/18&15PK CAN CAR; a desk_lamp (2nd), $5 <10% & R&D; M&MS"

    assert text.tokenize(written) == re.findall(r"[^\W_]{2,}", written.lower())


def test_broken_markup_costs_no_more_than_other_text() -> None:
    for broken in ("<", "&", "<a", "&a", "<!--", "e\u0301"):
        assert len(text.tokenize(broken * 12_000)) <= 12_000
