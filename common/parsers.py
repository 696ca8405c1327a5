"""DRF's parser of JSON bodies."""

from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from common.errors import TooLarge
from common.strictjson import loads_unique


class StrictJSONParser(BaseParser):
    """`application/json`, without constructs that JSON readers interpret differently."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the parsed body. Raises ParseError, TooLarge beyond DATA_UPLOAD_MAX_MEMORY_SIZE."""
        max_bytes: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        body = stream.read(max_bytes + 1)
        if len(body) > max_bytes:
            raise TooLarge(f"The body is larger than {max_bytes} bytes.")
        try:
            return loads_unique(body)
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error
