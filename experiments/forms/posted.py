"""What a page was sent, and where the errors of a service belong."""

from django import forms
from django.http import HttpRequest, QueryDict

from common.errors import DomainError


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what was posted, empty or not; None for a page that is only looked at."""
    return request.POST if request.method == "POST" else None


def add_errors(form: forms.Form, error: DomainError) -> None:
    """Put each error of a refusal beside its field, else on top."""
    if not error.errors:
        form.add_error(None, error.detail)
    for one in error.errors:
        form.add_error(one.field if one.field in form.fields else None, one.message)
