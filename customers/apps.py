"""The customers room as Django sees it."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Customers and the links between their ids."""

    name = "customers"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Register what this room erases and exports."""
        from customers import privacy

        privacy.register()
