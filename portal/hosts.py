"""Which host a request may ask for: ALLOWED_HOSTS, and any at the operator's doors."""

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware

ANY_HOST = ("/healthz", "/readyz", "/metrics")
"""Health checks and Prometheus ask a process by its own address, which is in nobody's ALLOWED_HOSTS."""


class HostCheck(CommonMiddleware):
    """Django's middleware, whose first act is to refuse unknown hosts; those paths use no host."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """Refuse an unknown host, but not at the operator's doors."""
        return None if request.path in ANY_HOST else super().process_request(request)
