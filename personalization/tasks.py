"""Celery doors of this room."""

from celery import shared_task

from personalization.services.training import queue_training, run_training


@shared_task(name="personalization.train", acks_late=True)  # type: ignore[untyped-decorator]
def train(run_id: int | None = None) -> None:
    """Run a training that was asked for, or (by the schedule, without an id) a new one."""
    if run_id is None:
        run_id = queue_training(actor="system:schedule", hand_over=False).pk
    run_training(run_id)
