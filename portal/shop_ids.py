"""Shows staff who may name shoppers the ids of the shop where a page would show pseudonyms.

Nobody else: whoever got a pseudonym could have a page repeat it, and read whose it is.
"""

import re
from collections.abc import Callable
from html import escape
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from common.pseudonyms import SHAPE
from customers.shop_ids import ids_of
from portal.permissions import NAMED_SHOPPERS, may

PATHS: Final = ("/admin/", "/portal/")
_IN_PAGES: Final = re.compile(rf'(?:href|src|action)="[^"]*"|({SHAPE.pattern})')
"""An address keeps the pseudonym, so that no id of a shopper stands in histories and logs."""
_IN_TABLES: Final = re.compile(f"({SHAPE.pattern})")
_NO_CELL: Final = re.compile(r"^[=+\-@\t]|[\",\r\n]")
"""An id that would break a table or run as a formula keeps its pseudonym there."""


class ShopIds:
    """The middleware. Pages and downloaded tables of staff name shoppers as the shop does."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on; replace the pseudonyms in the text of its answer."""
        response = self.get_response(request)
        if request.path.startswith(PATHS) and isinstance(response, HttpResponse):
            # Who is refused before the session is read has no user.
            user = getattr(request, "user", AnonymousUser())
            if may(user, NAMED_SHOPPERS):
                _show_ids(response)
        return response


def _show_ids(response: HttpResponse) -> None:
    kind = response.headers.get("Content-Type", "")
    if not kind.startswith(("text/html", "text/csv")):
        return
    text = response.content.decode(response.charset or "utf-8")
    ids = ids_of(set(SHAPE.findall(text)))
    if not ids:
        return
    is_page = kind.startswith("text/html")
    if is_page:
        texts = {name: escape(id) for name, id in ids.items()}
    else:
        texts = {name: id for name, id in ids.items() if not _NO_CELL.search(id)}
    pattern = _IN_PAGES if is_page else _IN_TABLES
    response.content = pattern.sub(lambda hit: texts.get(hit[1], hit[0]) if hit[1] else hit[0], text)
    if "Content-Length" in response:
        response["Content-Length"] = str(len(response.content))
