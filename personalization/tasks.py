"""Celery tasks of this room."""

from celery import shared_task

from personalization.services.replay_retention import forget_old_inputs


@shared_task(name="personalization.forget_old_inputs")  # type: ignore[untyped-decorator]
def forget_inputs() -> None:
    """Delete what only answers older than `REPLAY_DAYS` were computed from."""
    forget_old_inputs()
