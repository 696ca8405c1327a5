"""The personalization room."""

from django.apps import AppConfig


class PersonalizationConfig(AppConfig):
    """Placements, rules, and what serves them."""

    name = "personalization"
    verbose_name = "Personalization"
