"""Celery tasks of this room."""

from celery import shared_task

from consents.services import fulfilment, own_links, requests
from consents.services.practice import audit_practice
from consents.services.retention import delete_old_data, forget_old_requests
from consents.services.suppression import repair_marks


@shared_task(name=fulfilment.TASK)  # type: ignore[untyped-decorator]
def work_on_request(request_id: str) -> None:
    """Make one attempt at a privacy request."""
    fulfilment.work_on(request_id)


@shared_task(name=requests.LINK_TASK, max_retries=10, autoretry_for=(OSError,), retry_backoff=True)  # type: ignore[untyped-decorator]
def send_link(request_id: str) -> None:
    """Send the one-time link of an identity check."""
    requests.send_link(request_id)


@shared_task(name=own_links.TASK, max_retries=10, autoretry_for=(OSError,), retry_backoff=True)  # type: ignore[untyped-decorator]
def send_own_link(sealed_address: str) -> None:
    """Mail a link to a shopper's own page."""
    own_links.send_own_link(sealed_address)


@shared_task(name="consents.tend_requests")  # type: ignore[untyped-decorator]
def tend_requests() -> None:
    """Try failed requests again, forget old ones, and repair the marks of erased ids."""
    fulfilment.work_on_due()
    forget_old_requests()
    repair_marks()


@shared_task(name="consents.delete_old_data")  # type: ignore[untyped-decorator]
def delete_old() -> None:
    """Delete the personal data that were kept long enough."""
    delete_old_data()


@shared_task(name="consents.audit_practice")  # type: ignore[untyped-decorator]
def audit_the_practice(actor: str = "system:practice") -> None:
    """Write to the audit log what is out of line."""
    audit_practice(actor=actor)
