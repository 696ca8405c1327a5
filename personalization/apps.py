"""The personalization room."""

from django.apps import AppConfig


class PersonalizationConfig(AppConfig):
    """Placements, rules, model versions, and what serves them."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "personalization"
    verbose_name = "Personalization"
