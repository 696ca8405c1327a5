"""The view of the demo's product pictures."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from demo.pictures.draw import draw


@require_safe
@cache_control(public=True, max_age=31_536_000, immutable=True)
def picture(request: HttpRequest, picture: str, color: str, style: str) -> HttpResponse:
    """Answer one drawn picture; its URL determines it fully, so it may be cached forever."""
    try:
        svg = draw(picture, color=color, style=style)
    except KeyError as error:
        raise Http404(f"nobody draws {error}") from error
    return HttpResponse(svg, content_type="image/svg+xml")
