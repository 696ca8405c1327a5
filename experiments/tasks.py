"""Celery tasks of this room."""

from celery import shared_task

from experiments.services.looks import take_looks
from experiments.services.policies import apply_policies


@shared_task(name="experiments.apply_policies")  # type: ignore[untyped-decorator]
def apply_all_policies() -> None:
    """Let the policy of each running experiment do or propose what its rules decide."""
    apply_policies()


@shared_task(name="experiments.take_looks")  # type: ignore[untyped-decorator]
def take_all_looks() -> None:
    """Store the results of running experiments where a look is due."""
    take_looks()
