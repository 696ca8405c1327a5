"""Content negotiation of the API."""

from typing import Any

from django.http import Http404
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class WhateverIsAccepted(DefaultContentNegotiation):
    """Answers in the default format if the requested one is unknown: SDKs drop events on a 4xx, and placements stay
    empty.
    """

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the renderer that `Accept` or `format` requests, else the first, with its media type."""
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except (NotAcceptable, Http404):
            return renderers[0], renderers[0].media_type
