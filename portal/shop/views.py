"""Views of the demo shop: home, search, product, cart, checkout, login."""

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import NotFound
from consents.selectors.purposes import newest_policy
from portal.shop import cart, people, products
from portal.shop.checkout import place_order
from portal.shop.policy import own_files_only

SEARCH_SIZE = 48
HERO_SIZE = 6


@require_safe
@own_files_only
def home(request: HttpRequest) -> HttpResponse:
    """Show the first page; its carousels are filled in the browser."""
    front = products.front(HERO_SIZE)
    return _page(request, "home", categories=front.categories, hero=front.pictures)


@require_safe
@own_files_only
def search(request: HttpRequest) -> HttpResponse:
    """Show products by words or by category."""
    query, category = request.GET.get("q", "").strip()[:100], request.GET.get("category", "")[:400]
    result = products.find(query, category=category, limit=SEARCH_SIZE)
    event = json.dumps({"query": query})
    return _page(
        request,
        "search",
        products=result.products,
        found=result.total,
        query=query,
        category=category,
        search_event=event,
    )


@require_safe
@own_files_only
@ensure_csrf_cookie
def product(request: HttpRequest, product_id: str) -> HttpResponse:
    """Show one product; the id of the clicked list is passed on to the cart."""
    try:
        item = products.product(product_id)
    except NotFound as error:
        raise Http404(error.detail) from error
    crumbs = [{"name": name, "path": "/".join(item.category[: depth + 1])} for depth, name in enumerate(item.category)]
    list_id = request.GET.get("list", "")[:64]
    return _page(request, "product", product=item, crumbs=crumbs, variants=products.variants(item), list_id=list_id)


@require_http_methods(["GET", "HEAD", "POST"])
@own_files_only
@ensure_csrf_cookie
def cart_page(request: HttpRequest) -> HttpResponse:
    """Show the cart; a POST adds or removes one product."""
    if request.method == "POST":
        product_id = request.POST.get("product_id", "")[:255]
        if request.POST.get("action") == "remove":
            cart.remove(request.session, product_id)
        elif products.products_on_sale([product_id]):
            cart.add(request.session, product_id, list_id=request.POST.get("list_id", "")[:64])
        return redirect("portal:shop-cart")
    lines = products.priced_lines(cart.lines(request.session))
    ids = [line.product.product_id for line in lines]
    event = json.dumps({"products": [{"product_id": product_id} for product_id in ids]})
    return _page(
        request, "cart", lines=lines, total=products.total(lines), currency=settings.SHOP_CURRENCY,
        cart_event=event, cart_products=",".join(ids),
    )  # fmt: skip


@require_POST
@own_files_only
def checkout(request: HttpRequest) -> HttpResponse:
    """Turn the cart into an order and send it to Vitrine."""
    lines = products.priced_lines(cart.lines(request.session))
    if not lines:
        return redirect("portal:shop-cart")
    shopper = people.logged_in(request.session)
    order_id = place_order(
        lines, user_id=shopper.user_id if shopper else None, anonymous_id=request.POST.get("anonymous_id", "")[:100]
    )
    cart.empty(request.session)
    request.session["shop.last_order"] = order_id
    return redirect("portal:shop-ordered")


@require_safe
@own_files_only
def order_confirmation(request: HttpRequest) -> HttpResponse:
    """Show the order confirmation."""
    return _page(request, "ordered", order_id=request.session.get("shop.last_order", ""))


@require_http_methods(["GET", "HEAD", "POST"])
@own_files_only
@ensure_csrf_cookie
def login(request: HttpRequest) -> HttpResponse:
    """Log in as a demo shopper; the browser sends `identify` to Vitrine."""
    if request.method == "POST":
        user_id = request.POST.get("user_id", "").strip()[:100]
        people.become(request.session, user_id)
        messages.success(request, f"You are {user_id} now." if user_id else "You are logged out.")
        return redirect("portal:shop-home")
    return _page(request, "login", people=people.guides())


def _page(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    shopper = people.logged_in(request.session)
    common = {
        "shop_name": settings.SHOP_NAME,
        "shop_note": "products, shoppers and payments are not real.",
        "public_key": settings.SHOP_PUBLIC_KEY,
        "shopper": shopper,
        "cart_units": cart.units(request.session),
        "policy_version": (newest_policy() or {}).get("version", ""),
    }
    page = render(request, f"shop/{name}.html", {**common, **context})
    # Not `no-store`: the back button then shows the page at once, and the events sent on leaving it are confirmed.
    page["Cache-Control"] = "private, no-cache"
    return page
