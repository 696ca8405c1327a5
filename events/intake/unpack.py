"""Unpacks gzip bodies, never beyond the size limit. Pure."""

import zlib
from typing import Final

from common.errors import InvalidInput, TooLarge
from events.intake.limits import MAX_BODY

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_MOST_MEMBERS: Final = 16
"""Maximum of concatenated archives in a body: each costs a copy of the rest."""
_BOM: Final = b"\xef\xbb\xbf"


def unpack(body: bytes) -> bytes:
    """Return the body, unpacked if its first bytes say gzip: clients often send a wrong `Content-Encoding`.

    Raises TooLarge above the limit, packed or unpacked, and InvalidInput for a broken archive or too many.
    """
    unpacked = _gunzip(body) if body.startswith(_GZIP_MAGIC) else body
    if len(unpacked) > MAX_BODY:
        raise TooLarge(f"The body holds more than {MAX_BODY} bytes.")
    return unpacked.removeprefix(_BOM)


def _gunzip(packed: bytes) -> bytes:
    parts: list[bytes] = []
    room = MAX_BODY + 1
    while packed and room > 0:
        if len(parts) == _MOST_MEMBERS:
            raise InvalidInput.of("", f"the gzip archive has more than {_MOST_MEMBERS} members")
        archive = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = archive.decompress(packed, room)
        except zlib.error as error:
            raise InvalidInput.of("", "the body is not a sound gzip archive") from error
        if not archive.eof and len(part) < room:
            raise InvalidInput.of("", "the gzip archive ends too early")
        parts.append(part)
        room -= len(part)
        packed = archive.unused_data
        if packed and not packed.startswith(_GZIP_MAGIC):
            break
    return b"".join(parts)
