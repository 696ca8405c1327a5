"""Unlearning: the live model forgets who was erased. It is due where data were read before an erasure was complete."""

from celery import current_app
from django.db import transaction

from modelops.models import ModelVersion
from modelops.selectors.registry import live_version
from modelops.selectors.trained_versions import first_erasure_not_unlearned

TASK = "modelops.unlearn"


def unlearn_soon() -> None:
    """Have a worker unlearn after this transaction. A lost message costs the time until the next increment."""
    transaction.on_commit(lambda: current_app.send_task(TASK), robust=True)


def holds_erased(version: ModelVersion | None = None) -> bool:
    """Return whether a version, or else the live one, learned from somebody who was erased since."""
    version = version or live_version()
    return version is not None and first_erasure_not_unlearned(version) is not None
