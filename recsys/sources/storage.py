"""Files of artifacts: uncompressed `.npz` for arrays, JSON for settings, no pickle. Equal values give equal bytes."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, Array]

LOCAL_HEADER = struct.Struct("<4s5H3L2H")
"""The fixed part of a zip member's header; the last two numbers are the lengths of name and extra field."""
EXTRA_FIELD = struct.Struct("<2H")
"""The header of an extra field: its kind and number of bytes."""
PADDING_KIND = 0xD935
"""The kind of extra field that Android's zipalign uses; readers skip it."""
ZIP64_EXTRA = 20
ALIGNMENT = 64


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write the arrays, sorted by name. Raises TypeError on arrays of objects."""
    if any(array.dtype.hasobject for array in arrays.values()):
        raise TypeError("arrays of objects would need pickle")
    with path.open("wb") as file, ZipFile(file, "w", ZIP_STORED) as archive:
        for name in sorted(arrays):
            with archive.open(_aligned(ZipInfo(f"{name}.npy"), file.tell()), "w", force_zip64=True) as member:
                npy.write_array(member, np.ascontiguousarray(arrays[name]), allow_pickle=False)


def _aligned(member: ZipInfo, offset: int) -> ZipInfo:
    """Return the member with a header padded so that its data start at a multiple of 64 bytes.

    Products of unaligned arrays use other routines, which are slower and round differently.
    """
    size = offset + LOCAL_HEADER.size + len(member.filename.encode()) + ZIP64_EXTRA + EXTRA_FIELD.size
    padding = -size % ALIGNMENT
    member.extra = EXTRA_FIELD.pack(PADDING_KIND, padding) + bytes(padding)
    return member


def read_arrays(path: Path) -> Arrays:
    """Return the arrays that `write_arrays` wrote, memory-mapped and read-only.

    Raises ValueError on compressed members and on arrays of objects.
    """
    with ZipFile(path) as archive, path.open("rb") as file:
        return {member.filename.removesuffix(".npy"): _mapped(path, file, member) for member in archive.infolist()}


def _mapped(path: Path, file: Any, member: ZipInfo) -> Array:
    if member.compress_type != ZIP_STORED:
        raise ValueError(f"{path.name}: {member.filename} is compressed and cannot be mapped")
    file.seek(member.header_offset)
    *_, name_length, extra_length = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    file.seek(name_length + extra_length, 1)
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = header(file)
    if dtype.hasobject:
        raise ValueError(f"{path.name}: {member.filename} holds objects")
    if 0 in shape:
        return np.empty(shape, dtype)
    order = "F" if fortran else "C"
    return np.memmap(path, dtype, "r", offset=file.tell(), shape=shape, order=order).view(np.ndarray)  # type: ignore[call-overload,no-any-return]


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys; equal values give equal bytes."""
    path.write_text(json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return the JSON value of a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def pack_texts(texts: tuple[str, ...]) -> Array:
    """Return texts as one uint8 array, joined by line feeds. Raises ValueError if a text has a line feed."""
    if any("\n" in text for text in texts):
        raise ValueError("texts that are packed hold no line feeds")
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def unpack_texts(array: Array) -> tuple[str, ...]:
    """Return the texts of `pack_texts`; an empty array gives ()."""
    return tuple(bytes(array).decode().split("\n")) if len(array) else ()
