"""The personalization room."""

from django.apps import AppConfig


class PersonalizationConfig(AppConfig):
    """Placements, rules, and what serves them."""

    name = "personalization"
    verbose_name = "Personalization"

    def ready(self) -> None:
        """Show on the page of a product which rules touch it."""
        from catalog.product_panels import register

        register("personalization.admin.product_rules.panel")
