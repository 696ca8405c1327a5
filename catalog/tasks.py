"""Celery tasks of this room."""

from celery import shared_task

from catalog import imports


# A killed process loses at most one batch; the task is delivered again and continues behind the last one written.
@shared_task(name=imports.TASK, acks_late=True, reject_on_worker_lost=True)  # type: ignore[untyped-decorator]
def import_products(import_id: int) -> None:
    """Import a file, or what is left of it. A message that comes twice does no harm."""
    imports.run_import(import_id)


@shared_task(name="catalog.resume_imports")  # type: ignore[untyped-decorator]
def resume_imports() -> None:
    """Hand imports whose worker died to another one."""
    imports.resume_imports()
