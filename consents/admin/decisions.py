"""Admin of consent: proofs by subject, purposes, texts, rules. Proofs are read-only."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from audit.reads import note_read
from audit.staff import AuditedAdmin, actor_of
from common.comma_field import CommaListField
from common.pagination import EstimatingPaginator
from common.pseudonyms import subjects_named
from consents import selectors
from consents.admin.on_date import on_date_page
from consents.models import RESERVED_NAMES, ConsentEvent, ConsentKey, PolicyText, Purpose, RegionRule
from consents.rules import folded
from consents.selectors.history import ids_of_person
from consents.state import GPC

COMMAS = "Separated by commas."
HOW_TO_WRITE_A_REGION = "Write a country as DE, a part of one as US-CA, all others as *."


class HoldsAtOnce:
    """Mixin before ModelAdmin: what is saved or deleted holds in this process at once, in others within seconds."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and let this process see it at once."""
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        selectors.forget_terms()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete, and let this process see it at once."""
        super().delete_model(request, obj)  # type: ignore[misc]
        selectors.forget_terms()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete, and let this process see it at once."""
        super().delete_queryset(request, queryset)  # type: ignore[misc]
        selectors.forget_terms()


class WrittenOnce(ModelAdmin):
    """Rows that are added and never changed."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class PurposeFilter(admin.SimpleListFilter):
    """By purpose; the list of purposes is not asked of millions of proofs."""

    title = "purpose"
    parameter_name = "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the purposes there are."""
        return [(name, name) for name in sorted({GPC, *Purpose.objects.values_list("name", flat=True)})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ConsentEvent]) -> QuerySet[ConsentEvent]:
        """Return the proofs of the chosen purpose."""
        return queryset.filter(purpose=self.value()) if self.value() else queryset


@admin.register(ConsentEvent)
class ConsentEventAdmin(WrittenOnce):
    """Proof of consent: search any id of a person, read what was decided, when, where, and under which text."""

    when_empty = "A proof comes with each answer that a shopper gives."
    list_display = ("raw_id", "purpose", "given", "at", "source", "policy_version", "region")
    list_filter = (PurposeFilter, "given")
    search_fields = ("raw_id__exact", "message_id__exact")
    search_help_text = "Any id of the person: user:ID or anonymous:ID (a bare id is either), or a message's id"
    actions_list: ClassVar = ["on_date"]
    show_full_result_count = False
    paginator = EstimatingPaginator
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: proofs come from shoppers."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ConsentEvent], search_term: str
    ) -> tuple[QuerySet[ConsentEvent], bool]:
        """Search by whole ids only, through their indexes; an id leads to the proofs of all ids of its person."""
        term = search_term.strip()
        if not term or "\x00" in term:
            return (queryset.none() if term else queryset), False
        raw_ids = {raw_id for one in subjects_named(term) for raw_id in ids_of_person(one)}
        for raw_id in ConsentEvent.objects.filter(raw_id__in=raw_ids).order_by().values_list("raw_id", flat=True)[:1]:
            note_read("consentproof.read", actor=actor_of(request), object="consentproof:list", subject=raw_id)
        return queryset.filter(Q(raw_id__in=raw_ids) | Q(message_id=term)), False

    @action(description="On a date", url_path="on-date", permissions=["view"])
    def on_date(self, request: HttpRequest) -> HttpResponse:
        """Show what consent said of a person on a date."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return on_date_page(request, self.admin_site.each_context(request))


class PurposeForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """A purpose's next version, or its first."""

    data_categories = CommaListField(help_text=COMMAS)
    recipients = CommaListField(help_text=COMMAS)

    class Meta:
        model = Purpose
        fields = ("name", "title", "description", "legal_basis", "data_categories", "retention_days", "recipients",
                  "sale_or_share")  # fmt: skip
        help_texts: ClassVar = {
            "name": "Of a purpose that there is: what is saved here becomes its next version, which holds at once.",
        }
        error_messages: ClassVar = {
            "name": {"invalid": "Small letters, digits and underscores, a letter first: train_models."}
        }

    def clean_name(self) -> str:
        """Refuse the names that the store of decisions keeps for itself."""
        name: str = self.cleaned_data["name"]
        if name in RESERVED_NAMES:
            raise forms.ValidationError("This name has a meaning of its own: choose another.")
        return name


@admin.register(Purpose)
class PurposeAdmin(AuditedAdmin, WrittenOnce):
    """Purposes: adding one with a known name writes its next version."""

    form = PurposeForm
    recorded = ("name", "version", "legal_basis", "sale_or_share")
    list_display = ("name", "version", "title", "legal_basis", "sale_or_share", "created_at")
    list_filter = ("legal_basis", "sale_or_share")
    search_fields = ("name", "title")

    def save_model(self, request: HttpRequest, obj: Purpose, form: Any, change: bool) -> None:
        """Give the row the next version of its name."""
        known: QuerySet[Purpose] = Purpose.objects.filter(name=obj.name).order_by("-version")
        newest = known.values_list("version", flat=True).first()
        obj.version = (newest or 0) + 1
        super().save_model(request, obj, form, change)
        selectors.forget_terms()


class PolicyTextForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """A text as it is published."""

    class Meta:
        model = PolicyText
        fields = ("version", "language", "body")

    def clean_body(self) -> str:
        """End lines as files do, so that the hash is the one of the text: browsers send two signs for each end."""
        body: str = self.cleaned_data["body"]
        return body.replace("\r\n", "\n")


@admin.register(PolicyText)
class PolicyTextAdmin(AuditedAdmin, WrittenOnce):
    """Texts that shoppers are shown, each with its hash."""

    form = PolicyTextForm
    recorded = ("version", "language", "sha256")
    list_display = ("version", "language", "sha256", "published_at")
    search_fields = ("version",)
    readonly_fields = ("lines", "sha256", "published_at")

    def get_fields(self, request: HttpRequest, obj: PolicyText | None = None) -> tuple[str, ...]:
        """Show a published text with its hash, which the proofs of decisions hold."""
        return ("version", "language", "lines", "sha256", "published_at") if obj else PolicyTextForm.Meta.fields

    @display(description="Body")
    def lines(self, text: PolicyText) -> str:
        """Show the text line by line."""
        return format_html('<div style="white-space:pre-wrap">{}</div>', text.body)


class RegionRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """A rule of one region."""

    class Meta:
        model = RegionRule
        fields = ("region", "mode")
        error_messages: ClassVar = {"region": {"invalid": HOW_TO_WRITE_A_REGION, "max_length": HOW_TO_WRITE_A_REGION}}

    def clean_region(self) -> str:
        """Read small letters as capitals."""
        region: str = self.cleaned_data["region"]
        return region.upper()


@admin.register(RegionRule)
class RegionRuleAdmin(HoldsAtOnce, AuditedAdmin, ModelAdmin):
    """Rules by region; they win over the setting."""

    form = RegionRuleForm
    recorded = ("region", "mode")
    list_display = ("region", "mode")
    list_filter: ClassVar[tuple[str, ...]] = ("mode",)


class ConsentKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """A key and the purpose it means."""

    class Meta:
        model = ConsentKey
        fields = ("key", "purpose")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the purposes there are."""
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in sorted(selectors.terms())]
        if "purpose" in self.fields:  # who may only view has no fields
            self.fields["purpose"] = forms.ChoiceField(
                choices=[("", "none"), *names], required=False, help_text=self.fields["purpose"].help_text
            )

    def clean_key(self) -> str:
        """Refuse the name of a purpose: it means that purpose."""
        key: str = self.cleaned_data["key"]
        if folded(key) in selectors.terms():
            raise forms.ValidationError("This is a purpose, and means itself.")
        return key


@admin.register(ConsentKey)
class ConsentKeyAdmin(HoldsAtOnce, AuditedAdmin, ModelAdmin):
    """What consent tools call the purposes."""

    form = ConsentKeyForm
    recorded = ("key", "purpose")
    when_empty = "Names of purposes in any case, and OneTrust's C0001 to C0004, are understood without a row."
    list_display = ("key", "purpose")
    list_filter: ClassVar[tuple[str, ...]] = ("purpose",)
    search_fields = ("key",)
