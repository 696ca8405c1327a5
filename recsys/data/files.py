"""Reads a shop's Parquet files, and writes answers with the ids of these files."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.data.reading import restore_ids

FILES = ("interactions.parquet", "items.parquet", "shoppers.parquet")
NULLABLE_TYPES = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
"""Integers with missing values stay integers: as floats, ids of 17 digits would lose their last digits."""


def read_frames(path: Path) -> tuple[pd.DataFrame, pd.DataFrame | None, pd.DataFrame | None]:
    """Return the interactions of a folder, and its items and shoppers or None.

    Raises ValueError if interactions are missing or a file cannot be read.
    """
    if path.is_file():
        raise ValueError(f"{path} is a file: name the folder that holds interactions.parquet")
    interactions = read_table(path / "interactions.parquet")
    if interactions is None:
        raise ValueError(f"{path / 'interactions.parquet'} does not exist: a Parquet file, or a folder of its parts")
    return interactions, read_table(path / "items.parquet"), read_table(path / "shoppers.parquet")


def read_table(file: Path) -> pd.DataFrame | None:
    """Return the table of a file, None if there is no file. Raises ValueError if it cannot be read."""
    if not file.exists():
        return None
    try:
        table = pq.read_table(file)
        gaps = any(column.null_count and pa.types.is_integer(column.type) for column in table.columns)
        # Without pandas' metadata: a column that was the index of a frame is a column here.
        frame = table.to_pandas(types_mapper=NULLABLE_TYPES.get if gaps else None, ignore_metadata=True)
    except (OSError, ValueError) as error:  # Arrow's errors are subclasses of these
        why = str(error).partition("\n")[0]  # some messages hold the whole schema
        raise ValueError(f"{file} cannot be read as Parquet: {why}") from error
    if not len(frame.columns):
        raise ValueError(f"{file} has no columns: is it a folder without part files?")
    return frame


def with_original_ids(answers: pd.DataFrame, interactions: pd.DataFrame, items: pd.DataFrame | None) -> pd.DataFrame:
    """Return the answers with user and item ids in the types of the files, for joins."""
    listed = None if items is None else items["item_id"]
    return answers.assign(
        user=restore_ids(answers["user"], interactions["user_id"]),
        item=restore_ids(answers["item"], interactions["item_id"], listed),
    )
