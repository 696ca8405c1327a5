"""Celery tasks of this room."""

from celery import shared_task

from events.services.performance import count_new, forget_old_answers


@shared_task(name="events.count_performance")  # type: ignore[untyped-decorator]
def count_performance() -> None:
    """Count what answers showed and what became of it."""
    count_new()
    forget_old_answers()
