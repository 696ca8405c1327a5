"""Celery tasks of this room."""

from celery import shared_task

from experiments.services.policies import apply_policies


@shared_task(name="experiments.apply_policies")  # type: ignore[untyped-decorator]
def apply_all_policies() -> None:
    """Let the policy of each running experiment do or propose what its rules decide."""
    apply_policies()
