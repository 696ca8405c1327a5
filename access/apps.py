"""The access room as Django sees it."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Staff users, roles and API keys."""

    name = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Connect the OpenAPI document to the key schemes, the audit log to sign-ins, and declare data about staff."""
        from access import openapi, personal_places, sign_ins  # noqa: F401

        personal_places.register()
