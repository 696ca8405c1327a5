"""Celery tasks of this room."""

from uuid import UUID

from celery import shared_task

from audit.services import exports
from audit.services.verification import verify_log


@shared_task(name=exports.TASK, acks_late=True, reject_on_worker_lost=True)  # type: ignore[untyped-decorator]
def write_export(export_id: str) -> None:
    """Write an export. A message that comes twice does no harm."""
    exports.run_export(UUID(export_id))


@shared_task(name="audit.resume_exports")  # type: ignore[untyped-decorator]
def resume_exports() -> None:
    """Continue exports whose worker died, and delete old files."""
    exports.resume_exports()


@shared_task(name="audit.verify")  # type: ignore[untyped-decorator]
def verify() -> None:
    """Compare the stored rows with the signed tree."""
    verify_log()
