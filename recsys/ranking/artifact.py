"""A model on disk: files listed in a SHA-256 manifest, no pickle. Changed, added or missing files are refused."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from recsys.data.catalog import TEXT_COLUMNS, Catalog
from recsys.data.item_fingerprints import Fingerprints
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.item_statistics import COLUMNS, ItemStatistics
from recsys.ranking.predicted_ratings import read_rating_predictor, write_rating_predictor
from recsys.sources import storage

MANIFEST = "manifest.json"
FINGERPRINTS = "fingerprints.npz"
STORED_TEXTS = ("item_ids", *TEXT_COLUMNS)
STORED_ARRAYS = ("prices", "first_seen", "images")
STATISTICS_ARRAYS = frozenset(part.name for part in fields(ItemStatistics)) - {"stars"}


class ArtifactError(Exception):
    """The artifact is incomplete, changed, or of another format."""


def seal(directory: Path, manifest: dict[str, Any]) -> str:
    """Write the manifest with the digests of all files, and return its SHA-256: the artifact's hash."""
    body = {**manifest, "files": {name: _digest(directory / name) for name in _files(directory)}}
    text = json.dumps(body, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    (directory / MANIFEST).write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def unseal(directory: Path, *, expected: str | None = None) -> dict[str, Any]:
    """Return the manifest. Raises ArtifactError unless all files match it and its hash is `expected`."""
    manifest = read_manifest(directory, expected=expected)
    digests: dict[str, str] = manifest["files"]
    present = _files(directory)
    if set(present) != set(digests):
        unexpected = sorted(set(present) ^ set(digests))
        raise ArtifactError(f"{directory.name}: files missing or added: {', '.join(unexpected)}")
    for name in present:
        if _digest(directory / name) != digests[name]:
            raise ArtifactError(f"{directory.name}: {name} was altered")
    return manifest


def read_manifest(directory: Path, *, expected: str | None) -> dict[str, Any]:
    """Return the manifest without reading the files. Raises ArtifactError unless its hash is `expected`."""
    try:
        text = (directory / MANIFEST).read_bytes()
        manifest: dict[str, Any] = json.loads(text)
        dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{directory.name}: no readable manifest") from error
    if expected is not None and hashlib.sha256(text).hexdigest() != expected:
        raise ArtifactError(f"{directory.name}: the manifest is not the registered one")
    return manifest


def _files(directory: Path) -> list[str]:
    paths = (path for path in directory.rglob("*") if path.is_file())
    return sorted(name for path in paths if (name := path.relative_to(directory).as_posix()) != MANIFEST)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_catalog(directory: Path, catalog: Catalog) -> None:
    """Write `catalog.json` and `catalog.npz`."""
    texts: dict[str, Any] = {name: list(getattr(catalog, name)) for name in STORED_TEXTS}
    texts["attributes"] = [list(own) for own in catalog.attributes]
    storage.write_json(directory / "catalog.json", texts)
    arrays = {name: value for name in STORED_ARRAYS if (value := getattr(catalog, name)) is not None}
    storage.write_arrays(directory / "catalog.npz", arrays)


def read_catalog(directory: Path) -> Catalog:
    """Return what `write_catalog` wrote."""
    texts = orjson.loads((directory / "catalog.json").read_bytes())  # a hundred megabytes in a large shop
    attributes = tuple(map(tuple, texts.pop("attributes")))
    arrays: dict[str, Any] = storage.read_arrays(directory / "catalog.npz")
    columns: dict[str, Any] = {name: tuple(values) for name, values in texts.items()}
    return Catalog(**columns, attributes=attributes, **arrays)


def write_statistics(directory: Path, statistics: ItemStatistics) -> None:
    """Write `statistics.npz` and, where the shop has ratings, `stars.npz`."""
    storage.write_arrays(
        directory / "statistics.npz", {name: np.asarray(getattr(statistics, name)) for name in STATISTICS_ARRAYS}
    )
    write_rating_predictor(directory, statistics.stars)


def write_fingerprints(directory: Path, fingerprints: Fingerprints | None) -> None:
    """Write `fingerprints.npz` where they are known."""
    if fingerprints is not None:
        storage.write_arrays(directory / FINGERPRINTS, {"items": fingerprints})


def read_fingerprints(directory: Path) -> Fingerprints | None:
    """Return what `write_fingerprints` wrote."""
    file = directory / FINGERPRINTS
    return storage.read_arrays(file)["items"] if file.exists() else None


def write_exposure(directory: Path, exposure: ExposureConstraint | None) -> None:
    """Write `exposure.npz` where there is an exposure constraint."""
    if exposure is not None:
        storage.write_arrays(directory / "exposure.npz", {"excess": exposure.excess})


def read_exposure(directory: Path, *, strength: float) -> ExposureConstraint | None:
    """Return what `write_exposure` wrote."""
    file = directory / "exposure.npz"
    return ExposureConstraint(strength, storage.read_arrays(file)["excess"]) if file.exists() else None


def read_statistics(directory: Path) -> ItemStatistics:
    """Return what `write_statistics` wrote. Raises ArtifactError where another release wrote other statistics."""
    arrays: dict[str, Any] = storage.read_arrays(directory / "statistics.npz")
    if unexpected := arrays.keys() ^ STATISTICS_ARRAYS:
        names = ", ".join(sorted(unexpected))
        raise ArtifactError(f"{directory.name}: statistics that it lacks, or this code does not know: {names}")
    if (n_columns := arrays["table"].shape[1]) != len(COLUMNS):
        raise ArtifactError(
            f"{directory.name} tells {n_columns} statistics of each product, and this code reads {len(COLUMNS)}"
        )
    return ItemStatistics(**{**arrays, "until": float(arrays["until"].item())}, stars=read_rating_predictor(directory))
