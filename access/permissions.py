"""DRF permission: the key must carry the scope that the view names."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from access.authentication import key_of

if TYPE_CHECKING:  # rest_framework.views imports this module while it is loaded
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """A view declares `scope = "catalog:read"`, or `scope = {"GET": "catalog:read", "PUT": "catalog:write"}`.

    With `publishable = True` publishable keys pass without the scope, for views that check a `user_hash` themselves. A
    view without a scope refuses every key.
    """

    message = "This key may not do this."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether the key may use the view with this method. Raises Unauthenticated without a key."""
        key = key_of(request)
        scope = required_scope(view, request.method or "")
        if scope is None:
            # The view's dispatch refuses unknown methods itself (405).
            return not hasattr(view, (request.method or "").lower())
        self.message = f"This key lacks the scope {scope}."
        return key.may(scope) or (key.publishable and bool(getattr(view, "publishable", False)))


def required_scope(view: "APIView", method: str) -> str | None:
    """Return the scope that the view declares for a method."""
    scope = getattr(view, "scope", None)
    if isinstance(scope, dict):
        scope = scope.get("GET" if method == "HEAD" else method)
    return scope if isinstance(scope, str) else None
