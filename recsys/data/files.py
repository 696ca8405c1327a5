"""A shop's history in Parquet files: read as it was written, and answers that can be joined with it."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.data.reading import as_in_file

FILES = ("interactions.parquet", "items.parquet", "shoppers.parquet")
WITH_GAPS = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
"""Whole numbers with gaps stay whole: as floats, ids of 17 digits would become those of their neighbors."""


def frames_of(path: Path) -> tuple[pd.DataFrame, pd.DataFrame | None, pd.DataFrame | None]:
    """Return interactions, and items and shoppers where there are any, of a folder.

    Raises ValueError for what is missing or cannot be read.
    """
    if path.is_file():
        raise ValueError(f"{path} is a file: name the folder that holds interactions.parquet")
    interactions = table_of(path / "interactions.parquet")
    if interactions is None:
        raise ValueError(f"{path / 'interactions.parquet'} does not exist: a Parquet file, or a folder of its parts")
    return interactions, table_of(path / "items.parquet"), table_of(path / "shoppers.parquet")


def table_of(file: Path) -> pd.DataFrame | None:
    """Return the table of a file, None where there is none. Raises ValueError for what cannot be read."""
    if not file.exists():
        return None
    try:
        table = pq.read_table(file)
        gaps = any(column.null_count and pa.types.is_integer(column.type) for column in table.columns)
        # Without what pandas noted beside: a column that was the index of a frame is a column here.
        frame = table.to_pandas(types_mapper=WITH_GAPS.get if gaps else None, ignore_metadata=True)
    except (OSError, ValueError) as error:  # of Arrow's errors each is one of these
        why = str(error).partition("\n")[0]  # some go on with the whole schema
        raise ValueError(f"{file} cannot be read as Parquet: {why}") from error
    if not len(frame.columns):
        raise ValueError(f"{file} has no columns: is it a folder without part files?")
    return frame


def named_as_given(answers: pd.DataFrame, interactions: pd.DataFrame, items: pd.DataFrame | None) -> pd.DataFrame:
    """Return the answers with users and items as the files call them, numbers as numbers."""
    listed = None if items is None else items["item_id"]
    return answers.assign(
        user=as_in_file(answers["user"], interactions["user_id"]),
        item=as_in_file(answers["item"], interactions["item_id"], listed),
    )
