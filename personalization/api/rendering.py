"""JSON by orjson: an answer of a hundred items takes tens of microseconds."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer


class FastJSONRenderer(JSONRenderer):
    """Renders plain Python values."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return UTF-8 JSON; empty bytes without data."""
        return b"" if data is None else orjson.dumps(data, default=str)
