"""Offsets of the log: a stream id as one number. Pure."""

from typing import Final

SEQUENCE_BITS: Final = 20


def offset_of(identity: bytes) -> int:
    """Return a stream id (`milliseconds-sequence`) as one number."""
    milliseconds, sequence = identity.split(b"-")
    return int(milliseconds) << SEQUENCE_BITS | int(sequence)


def stream_id(offset: int) -> str:
    """Return the stream id of an offset."""
    return f"{offset >> SEQUENCE_BITS}-{offset & (1 << SEQUENCE_BITS) - 1}"
