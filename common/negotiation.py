"""In what form DRF answers."""

from typing import Any

from django.http import Http404
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request


class WhateverIsAccepted(DefaultContentNegotiation):
    """Our first form for who asks for one that we have not: of a 4xx SDKs drop the events, and shelves stay empty."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the renderer that `Accept`, or `format` in the query, asks for, else the first, and its type."""
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except (NotAcceptable, Http404):
            return renderers[0], renderers[0].media_type
