"""The modelops room."""

from typing import Final

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from common import privacy

NOTE: Final = (
    "Models name nobody. Tables of counts, popularity and bundles are made without the shopper at once; factors, "
    "trees, user kNN, EASE and SVD follow with the next training."
)


class ModelopsConfig(AppConfig):
    """Training runs, model versions and their promotion."""

    name = "modelops"
    verbose_name = "Models"

    def ready(self) -> None:
        """Have the live model unlearn who is erased.

        Raises ImproperlyConfigured for an unknown source in EXTRA_SOURCES; each night's training would fail.
        """
        from recsys.training.plan import OPTIONAL

        privacy.after_erasure(_unlearn, note=NOTE)
        if unknown_sources := sorted({*settings.EXTRA_SOURCES} - {*OPTIONAL}):
            raise ImproperlyConfigured(
                f"EXTRA_SOURCES: {', '.join(unknown_sources)}: expected some of {', '.join(OPTIONAL)}"
            )


def _unlearn() -> None:
    from modelops.services.unlearning import unlearn_soon

    unlearn_soon()
