"""DRF's way in for JSON bodies."""

from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from common.strictjson import loads_unique


class StrictJSONParser(BaseParser):
    """`application/json`, refusing what readers of JSON disagree about."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the parsed body. Raises ParseError."""
        try:
            return loads_unique(stream.read())
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error
