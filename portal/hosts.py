"""Host validation: ALLOWED_HOSTS for all pages, any host for the operator's endpoints."""

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware

ANY_HOST = ("/healthz", "/readyz", "/metrics")
"""Health checks and Prometheus use the address of a process, which is not in ALLOWED_HOSTS."""


class HostCheck(CommonMiddleware):
    """Django's CommonMiddleware, which rejects unknown hosts, except on the paths of `ANY_HOST`."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """Reject an unknown host, except on the operator's endpoints."""
        return None if request.path in ANY_HOST else super().process_request(request)
