"""The page of the API's documentation, with the demo's keys where the demo runs."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView

from common.demo_keys import SECRET_KEY


class ApiDocs(SpectacularSwaggerSplitView):
    """Swagger UI from our own server, in light or dark as the browser prefers."""

    template_name = "api_docs.html"
    template_name_js = "api_docs.js"

    @extend_schema(exclude=True)
    def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the page, or its script, with the keys that it sends; only the demo's, which are no secret."""
        answer = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        answer.data["demo_key"] = settings.SHOP_PUBLIC_KEY if settings.DEMO else ""
        answer.data["demo_secret"] = SECRET_KEY
        return answer
