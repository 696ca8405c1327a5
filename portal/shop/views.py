"""Doors of the demo shop: home, search, product, cart, checkout, login."""

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import NotFound
from portal.shop import cart, people, shelf
from portal.shop.checkout import place_order
from portal.shop.policy import own_files_only

SEARCH_SIZE = 48
HERO_SIZE = 6


@require_safe
@own_files_only
def home(request: HttpRequest) -> HttpResponse:
    """The shop's first page; its shelves are drawn in the browser."""
    front = shelf.front(HERO_SIZE)
    return _page(request, "home", categories=front.categories, hero=front.pictures)


@require_safe
@own_files_only
def search(request: HttpRequest) -> HttpResponse:
    """Products by words or by category."""
    query, category = request.GET.get("q", "").strip()[:100], request.GET.get("category", "")[:400]
    found = shelf.find(query, category=category, limit=SEARCH_SIZE)
    event = json.dumps({"query": query})
    return _page(
        request,
        "search",
        products=found.products,
        found=found.total,
        query=query,
        category=category,
        search_event=event,
    )


@require_safe
@own_files_only
@ensure_csrf_cookie
def product(request: HttpRequest, product_id: str) -> HttpResponse:
    """One product, with the list the shopper came from carried on to the cart."""
    try:
        shown = shelf.product(product_id)
    except NotFound as error:
        raise Http404(error.detail) from error
    crumbs = [
        {"name": name, "path": "/".join(shown.category[: depth + 1])} for depth, name in enumerate(shown.category)
    ]
    list_id = request.GET.get("list", "")[:64]
    return _page(request, "product", product=shown, crumbs=crumbs, variants=shelf.variants(shown), list_id=list_id)


@require_http_methods(["GET", "HEAD", "POST"])
@own_files_only
@ensure_csrf_cookie
def cart_page(request: HttpRequest) -> HttpResponse:
    """The cart; posting adds or removes one product."""
    if request.method == "POST":
        product_id = request.POST.get("product_id", "")[:255]
        if request.POST.get("action") == "remove":
            cart.remove(request.session, product_id)
        elif shelf.known([product_id]):
            cart.add(request.session, product_id, list_id=request.POST.get("list_id", "")[:64])
        return redirect("portal:shop-cart")
    lines = shelf.priced(cart.lines(request.session))
    ids = [line.product.product_id for line in lines]
    event = json.dumps({"products": [{"product_id": product_id} for product_id in ids]})
    return _page(
        request, "cart", lines=lines, total=shelf.total(lines), currency=settings.SHOP_CURRENCY,
        cart_event=event, cart_products=",".join(ids),
    )  # fmt: skip


@require_POST
@own_files_only
def checkout(request: HttpRequest) -> HttpResponse:
    """Turn the cart into an order, which the shop's server tells Vitrine."""
    lines = shelf.priced(cart.lines(request.session))
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
def ordered(request: HttpRequest) -> HttpResponse:
    """Thank you."""
    return _page(request, "ordered", order_id=request.session.get("shop.last_order", ""))


@require_http_methods(["GET", "HEAD", "POST"])
@own_files_only
@ensure_csrf_cookie
def login(request: HttpRequest) -> HttpResponse:
    """Choose whom to be; the browser tells Vitrine by `identify`."""
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
    }
    return render(request, f"shop/{name}.html", {**common, **context})
