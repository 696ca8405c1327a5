"""The privacy desk in the admin: requests with their deadlines, and the page on which each is answered."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from audit.staff import ReadOnly, actor_of, name_of
from common import clock, privacy
from common.errors import DomainError
from common.pseudonyms import staff_subject
from consents import mail
from consents.admin.request_files import export_file, receipt_file
from consents.models import Kind, PrivacyRequest, Regime, RequestStatus
from consents.selectors.requests import FULFIL, SOON, days_left
from consents.services import fulfilment, requests
from consents.subjects import parse_subject
from consents.suppression_mark import mark_of

LIST: Final = "admin:consents_privacyrequest_changelist"
PAGE: Final = "admin:consents_privacyrequest_change"
COLORS: Final = {
    RequestStatus.IDENTITY_CHECK: "warning",
    RequestStatus.OPEN: "info",
    RequestStatus.IN_PROGRESS: "info",
    RequestStatus.COMPLETED: "success",
    RequestStatus.NO_DATA: "success",
    RequestStatus.REFUSED: "danger",
}


class DueFilter(admin.SimpleListFilter):
    """By how near the deadline is."""

    title = "deadline"
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("open", "Still open"), ("soon", "Due within 7 days"), ("overdue", "Overdue")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PrivacyRequest]) -> QuerySet[PrivacyRequest]:
        """Return the requests of the choice."""
        today, is_open = clock.now().date(), queryset.filter(closed_at=None)
        match self.value():
            case "open":
                return is_open
            case "soon":
                return is_open.filter(due_on__range=(today, today + SOON))
            case "overdue":
                return is_open.filter(due_on__lt=today)
        return queryset


class IntakeForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """A request that came by mail, by phone or over the counter."""

    subject = forms.CharField(
        max_length=600,
        label="Shopper",
        widget=UnfoldAdminTextInputWidget,
        help_text="user:ID, anonymous:ID, or a user's id. Found under Customers.",
    )
    kind = forms.ChoiceField(choices=Kind.choices, widget=UnfoldAdminSelectWidget, label="Asks for")
    regime = forms.ChoiceField(
        choices=Regime.choices, widget=UnfoldAdminSelectWidget, label="Law", help_text="Its deadlines count."
    )
    contact = forms.CharField(
        max_length=320,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Where the answer goes. An e-mail address that the shop knew before proves who asks, by a link.",
    )
    corrections = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="For a rectification: one a line, as city = Bremen. Nothing behind the sign removes the value.",
    )

    class Meta:
        model = PrivacyRequest
        fields = ("subject", "kind", "regime", "contact", "corrections")

    def clean_subject(self) -> str:
        """Return the subject as events name it."""
        try:
            return staff_subject(parse_subject(self.cleaned_data["subject"]))
        except DomainError as error:
            raise forms.ValidationError(error.detail) from error

    def clean_corrections(self) -> dict[str, str | None]:
        """Return the right values by attribute."""
        values: dict[str, str | None] = {}
        for line in filter(str.strip, self.cleaned_data["corrections"].splitlines()):
            name, sign, value = line.partition("=")
            if not sign or not name.strip():
                raise forms.ValidationError("Write each line as name = value.")
            values[name.strip()] = value.strip() or None
        return values

    def clean(self) -> dict[str, Any]:
        """Ask for corrections where they are needed, and only there."""
        cleaned = super().clean() or {}
        if "corrections" in cleaned and (cleaned.get("kind") == Kind.RECTIFICATION) != bool(cleaned["corrections"]):
            self.add_error("corrections", "Needed for a rectification, and for nothing else.")
        return cleaned


@admin.register(PrivacyRequest)
class PrivacyRequestAdmin(ReadOnly, ModelAdmin):
    """Requests by deadline; each has a page with its steps."""

    form = IntakeForm
    when_empty = "A request comes by the API, or is added here when a shopper writes or calls."
    list_display = (
        "number",
        "kind_in_short",
        "status_label",
        "due_on",
        "time_left",
        "failures",
        "received_at",
    )
    list_display_links = ("number", "kind_in_short")
    list_filter = (DueFilter, "status", "kind", "regime")
    list_per_page = 50
    search_fields = ("subject_mark",)
    search_help_text = "A shopper: user:ID, anonymous:ID or a user's id; or the end of a request's number"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this person may take requests in."""
        return request.user.has_perm("consents.add_privacyrequest")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read the steps of all rows at once, and leave receipts to the page of one request."""
        return super().get_queryset(request).defer("receipt").prefetch_related("steps")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PrivacyRequest], search_term: str
    ) -> tuple[QuerySet[PrivacyRequest], bool]:
        """Search by a shopper's mark, or by the end of a number."""
        if not (term := search_term.strip()) or "\x00" in term:
            return (queryset.none() if term else queryset), False
        try:
            subject_marks = [mark_of(staff_subject(parse_subject(term)))]
        except DomainError:
            subject_marks = []
        found_by_number = queryset.filter(pk__in=[row.pk for row in queryset if str(row.pk).endswith(term.lower())])
        return queryset.filter(subject_mark__in=subject_marks) | found_by_number, False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str]:
        """Fill in the shopper whose page led here."""
        return {"subject": request.GET.get("subject", "")[:600]}

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> PrivacyRequest:
        """Take the request in."""
        values = {name: form.cleaned_data[name] for name in IntakeForm.Meta.fields}
        return requests.open_request(values.pop("subject"), actor=actor_of(request), **values)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: the service wrote the row."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Do nothing: there is nothing else to write."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Leave it to the audit log, which the service wrote."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Go on to the request's page."""
        messages.success(request, f"The request is taken in. It is due on {obj.due_on:%Y-%m-%d}.")
        return HttpResponseRedirect(reverse(PAGE, args=[obj.pk]))

    @display(description="number")
    def number(self, row: PrivacyRequest) -> str:
        """Return the short number."""
        return row.short_id

    @display(description="asks for", ordering="kind")
    def kind_in_short(self, row: PrivacyRequest) -> str:
        """Return the kind without its explanation."""
        return str(row.get_kind_display()).partition(":")[0]

    @display(description="status", label=COLORS, ordering="status")
    def status_label(self, row: PrivacyRequest) -> tuple[str, str]:
        """Return the status with its color."""
        return row.status, str(row.get_status_display())

    @display(description="time left", label={"overdue": "danger", "open": "info", "closed": "success"})
    def time_left(self, row: PrivacyRequest) -> tuple[str, str]:
        """Return how many days are left; an overdue request is red."""
        text, is_overdue = days_left(row)
        return "overdue" if is_overdue else "closed" if row.is_closed else "open", text

    @display(description="failed stores")
    def failures(self, row: PrivacyRequest) -> str:
        """Return the stores that failed."""
        return ", ".join(step.store for step in row.steps.all() if step.state == "failed")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one request; a button takes its next step."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            return HttpResponseRedirect(reverse(LIST))
        if request.method == "POST":
            return self._act(request, row)
        context = {"title": f"{self.kind_in_short(row)} {row.short_id}", **_context(row, request)}
        return render(request, "consents/request.html", {**self.admin_site.each_context(request), **context})

    def _act(self, request: HttpRequest, row: PrivacyRequest) -> HttpResponse:
        if not request.user.has_perm(FULFIL):
            raise PermissionDenied
        step = request.POST.get("step", "")
        try:
            if step in ("json", "zip"):
                return export_file(row, format=step, actor=actor_of(request))
            if step == "receipt":
                return receipt_file(row)
            if step in STEPS:
                STEPS[step](request, row)
        except DomainError as error:
            messages.error(request, error.detail)
        return HttpResponseRedirect(reverse(PAGE, args=[row.pk]))


def _context(row: PrivacyRequest, request: HttpRequest) -> dict[str, Any]:
    may_fulfil = request.user.has_perm(FULFIL)
    content = requests.content_of(row) if row.sealed_content and may_fulfil else None
    left, is_overdue = days_left(row)
    steps = list(row.steps.all())
    same_mark = PrivacyRequest.objects.filter(subject_mark=row.subject_mark).exclude(pk=row.pk)
    notes = {store.name: store.note for store in privacy.stores()}
    return {
        "row": row,
        "who": name_of(row.opened_by),
        "content": content,
        "may_fulfil": may_fulfil,
        "days_left": left,
        "is_overdue": is_overdue,
        "steps": [(step, notes.get(step.store, "")) for step in steps],
        "failed": [step for step in steps if step.state == "failed"],
        "is_known": fulfilment.is_known(row),
        "others": same_mark,
        "knows_contact": content is not None and requests.is_contact_of_person(content),
        "can_mail": mail.is_possible(),
        "refreshes": row.next_attempt_at is not None and row.next_attempt_at <= clock.now() + timedelta(seconds=10),
        "back": reverse(LIST),
    }


def _search(request: HttpRequest, row: PrivacyRequest) -> None:
    fulfilment.search(row.pk)


def _fulfil(request: HttpRequest, row: PrivacyRequest) -> None:
    if row.kind == Kind.ERASURE and "sure" not in request.POST:
        messages.error(request, "Tick that the data may be erased: nothing brings them back.")
        return
    fulfilment.fulfil(row.pk, actor=actor_of(request))


def _again(request: HttpRequest, row: PrivacyRequest) -> None:
    fulfilment.try_again(row.pk)


def _link(request: HttpRequest, row: PrivacyRequest) -> None:
    token = requests.new_link(row.pk, actor=actor_of(request))
    address = request.build_absolute_uri(reverse("privacy-confirm", args=[token]))
    message = 'Send this link to {}. It is shown once, and works once, for {} days: <code class="v-long">{}</code>'
    contact = requests.content_of(row).contact
    messages.success(request, format_html(message, contact, requests.LINK_DAYS, address))


def _prove(request: HttpRequest, row: PrivacyRequest) -> None:
    requests.prove_by_staff(row.pk, how=request.POST.get("how", "")[:2_000], actor=actor_of(request))


def _acknowledge(request: HttpRequest, row: PrivacyRequest) -> None:
    requests.acknowledge(row.pk, actor=actor_of(request))


def _extend(request: HttpRequest, row: PrivacyRequest) -> None:
    extended = requests.extend(row.pk, reason=request.POST.get("reason", "")[:2_000], actor=actor_of(request))
    messages.success(request, f"The deadline is now {extended.due_on:%Y-%m-%d}.")


def _refuse(request: HttpRequest, row: PrivacyRequest) -> None:
    requests.refuse(row.pk, reason=request.POST.get("reason", "")[:2_000], actor=actor_of(request))


STEPS: Final[dict[str, Callable[[HttpRequest, PrivacyRequest], None]]] = {
    "search": _search,
    "fulfil": _fulfil,
    "again": _again,
    "link": _link,
    "prove": _prove,
    "acknowledge": _acknowledge,
    "extend": _extend,
    "refuse": _refuse,
}
"""What a button of the page does, by the name of its step."""
