"""Doors of the demo room: the drawn pictures."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from demo.pictures.draw import draw


@require_safe
@cache_control(public=True, max_age=31_536_000, immutable=True)
def picture(request: HttpRequest, picture: str, color: str, style: str) -> HttpResponse:
    """Answer one drawn picture; its address holds all there is to know about it, so it may be cached for good."""
    try:
        svg = draw(picture, color=color, style=style)
    except KeyError as error:
        raise Http404(f"nobody draws {error}") from error
    return HttpResponse(svg, content_type="image/svg+xml")
