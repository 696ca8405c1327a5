"""Counts and times every request for Prometheus, by route instead of path."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from portal.gauges import REQUESTS, SECONDS
from portal.stream.refused import NOTED, note_refusal
from portal.stream.sampler import gauge_sampler

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class RequestGauges:
    """The middleware. It is the outermost, so that it counts answers of other middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request and count it."""
        began = time.perf_counter()
        response = self.get_response(request)
        # Unknown paths and methods must not create time series.
        route = request.resolver_match.route if request.resolver_match else "unknown"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, route, response.status_code).inc()
        SECONDS.labels(route).observe(time.perf_counter() - began)
        gauge_sampler.wake()
        if response.status_code in NOTED:
            note_refusal(request, response, route=route)
        return response
