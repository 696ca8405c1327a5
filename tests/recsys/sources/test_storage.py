"""Artifacts are plain arrays and JSON, mapped into memory, equal bytes for equal state, and never pickle."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsys.data.profile import Context
from recsys.sources import storage
from recsys.sources.registry import make
from tests.recsys import shops


@pytest.mark.parametrize("read", [storage.read_arrays, np.load], ids=["mapped", "by NumPy alone"])
def test_arrays_come_back(read: Callable[[Path], storage.Arrays], tmp_path: Path) -> None:
    arrays: storage.Arrays = {
        "b": np.arange(12, dtype=np.float32).reshape(3, 4),
        "a": np.empty((0, 5), np.int8),
        "text": storage.pack_texts(("größe", "x=1")),
        "flags": np.array([True, False]),
    }
    storage.write_arrays(tmp_path / "x.npz", arrays)

    result = read(tmp_path / "x.npz")

    assert sorted(result) == sorted(arrays)
    for name, array in arrays.items():
        assert result[name].dtype == array.dtype
        assert result[name].tolist() == array.tolist()
    assert storage.unpack_texts(result["text"]) == ("größe", "x=1")


def test_mapped_arrays_cannot_be_written(tmp_path: Path) -> None:
    storage.write_arrays(tmp_path / "x.npz", {"a": np.arange(3)})

    with pytest.raises(ValueError, match="read-only"):
        storage.read_arrays(tmp_path / "x.npz")["a"][0] = 9


def test_mapped_arrays_are_aligned_as_fitted_ones_are_so_that_products_round_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    left = rng.random((50, 64), np.float32)
    arrays = {name: rng.random((24, 64), np.float32) for name in ("a", "longer_name", "z")}
    storage.write_arrays(tmp_path / "x.npz", {**arrays, "odd": np.arange(7, dtype=np.int8)})

    result = storage.read_arrays(tmp_path / "x.npz")

    assert {array.ctypes.data % 64 for array in result.values()} == {0}
    for name, array in arrays.items():
        assert (left @ array.T).tobytes() == (left @ result[name].T).tobytes()


def test_the_order_of_arrays_does_not_change_bytes(tmp_path: Path) -> None:
    storage.write_arrays(tmp_path / "x.npz", {"a": np.arange(3), "b": np.ones(2)})
    storage.write_arrays(tmp_path / "y.npz", {"b": np.ones(2), "a": np.arange(3)})

    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "y.npz").read_bytes()


def test_objects_are_refused_in_both_directions(tmp_path: Path) -> None:
    objects = np.array([{"pickle": 1}], dtype=object)
    np.savez(tmp_path / "x.npz", a=objects)

    with pytest.raises(TypeError):
        storage.write_arrays(tmp_path / "y.npz", {"a": objects})
    with pytest.raises(ValueError, match="objects"):
        storage.read_arrays(tmp_path / "x.npz")


def test_compressed_files_are_not_mapped(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", a=np.arange(3))

    with pytest.raises(ValueError, match="compressed"):
        storage.read_arrays(tmp_path / "x.npz")


def test_a_text_that_would_come_back_as_two_is_not_packed() -> None:
    with pytest.raises(ValueError, match="line feeds"):
        storage.pack_texts(("wash cold", "dry\nflat"))


@pytest.mark.parametrize("name", ["content", "new_arrivals"])
def test_attributes_of_several_lines_are_known_to_products_created_later(name: str) -> None:
    care = (("care=Wash cold\nDry flat", "color=red"),)
    shop = replace(shops.catalog(4), attributes=care * 4)
    rows = shops.interactions([(0, 0, 1.0, "view"), (0, 1, 2.0, "view")], n_users=1)
    model = make(name).fit(rows, shop)

    later = replace(shops.catalog(5), attributes=care * 5)
    scores = model.extend(later).scores(shops.profile(rows, 0), Context())  # type: ignore[attr-defined]

    assert scores[4] > 0
