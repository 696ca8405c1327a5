"""The access room as Django sees it."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Staff users, roles and API keys."""

    name = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Let the OpenAPI document know how keys are sent, and the audit log who signs in."""
        from access import openapi, sign_ins  # noqa: F401
