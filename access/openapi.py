"""The key schemes of the OpenAPI document: drf-spectacular finds this class once it is imported."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf_spectacular leaves it untyped
    """The three ways to send a key."""

    target_class = "access.authentication.KeyAuthentication"
    name = ["bearer", "basic", "header"]

    def get_security_definition(self, auto_schema: AutoSchema) -> Any:
        """Return one definition for each way."""
        return [
            {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
            {"type": "http", "scheme": "basic", "description": "The key as user name, with an empty password."},
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        ]
