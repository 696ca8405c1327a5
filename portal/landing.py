"""The root page, with links for each kind of visitor."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.shop.policy import own_files_only


@require_safe
@own_files_only
def landing(request: HttpRequest) -> HttpResponse:
    """Show links to shop, admin and API documentation."""
    return render(request, "portal/landing.html", {"demo": settings.DEMO, "shop_name": settings.SHOP_NAME})
