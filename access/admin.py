"""Admin pages of API keys. A secret key's text is shown once, when it is created or rotated.

The pages of accounts and schedules have modules of their own.
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldBooleanSwitchWidget

from access import admin_schedules, admin_staff, services  # noqa: F401
from access.models import ApiKey
from access.scopes import SCOPES
from access.selectors import identity_secret, publishable_text
from audit.staff import actor_of
from common import clock
from common.comma_field import CommaListField
from common.errors import InvalidInput

CHANGEABLE = ("name", "scopes", "origins", "requires_user_hash", "confirms_orders", "expires_at")
ONLY = {"scopes": "sk", "origins": "pk", "requires_user_hash": "pk", "confirms_orders": "pk"}
"""The kind of key that a field is for."""
COPIED = '<span class="v-copy-line"><code>{}</code> <button type="button" data-copy>Copy</button></span>'


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """The settings of a key, checked by the rules of the service."""

    scopes = forms.MultipleChoiceField(
        choices=SCOPES, required=False, widget=forms.CheckboxSelectMultiple, help_text="What the key may do."
    )
    origins = CommaListField(
        help_text="Web origins that may use the key, separated by commas: https://shop.example. Empty: any."
    )

    class Meta:
        model = ApiKey
        fields = ("name", "kind", "scopes", "origins", "requires_user_hash", "confirms_orders", "expires_at")
        widgets: ClassVar = dict.fromkeys(("requires_user_hash", "confirms_orders"), UnfoldBooleanSwitchWidget)
        help_texts: ClassVar = {
            "expires_at": "In UTC, as all times on these pages. Empty: never.",
            "requires_user_hash": "Trust a user id from a browser only with its HMAC under the identity secret, which "
            "is on the key's page once it is saved. Switched off, whoever knows a user id reads and changes that "
            "shopper's recommendations and consent.",
        }
        error_messages: ClassVar = {"expires_at": clock.HOW_TO_WRITE}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "kind" in self.fields:
            self.fields["kind"].initial = "pk"

    def clean(self) -> dict[str, Any]:
        """Check scopes and origins."""
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind") or self.instance.kind
        try:
            services.check_scopes(kind, cleaned.get("scopes") or [])
            for origin in cleaned.get("origins") or []:
                services.origin_of(origin)
        except InvalidInput as error:
            for wrong in error.errors:
                self.add_error(wrong.field, wrong.message)
        if self.instance.pk is None:
            self._would_open_nothing(cleaned)
        return cleaned

    def _would_open_nothing(self, cleaned: dict[str, Any]) -> None:
        """Add an error if the new key would have no effect, so that nobody hands one out."""
        if cleaned.get("kind") == "sk" and cleaned.get("scopes") == []:
            self.add_error("scopes", "a secret key opens what its scopes say: choose at least one")
        if (ends := cleaned.get("expires_at")) and ends <= clock.now():
            self.add_error("expires_at", "this has passed: the key would open nothing")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Keys are made, rotated and revoked, never deleted: the audit log names them."""

    form = ApiKeyForm
    list_display = ("name", "kind", "prefix", "state", "last_used_at", "expires_at")
    list_filter = ("kind",)
    search_fields = ("name", "prefix")
    # The page of an existing key has no field `kind`, and only the fields of its kind.
    conditional_fields: ClassVar = {
        name: f"typeof kind === 'undefined' || kind === '{kind}'" for name, kind in ONLY.items()
    }
    actions_submit_line: ClassVar = ["rotate"]
    actions_detail: ClassVar = ["revoke_page"]

    @display(description="State", label={"live": "success", "expired": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> str:
        """Show whether the key is valid."""
        if key.revoked_at:
            return "revoked"
        return "live" if key.live(clock.now()) else "expired"

    @display(description="Key")
    def key_text(self, key: ApiKey) -> str:
        """Show a publishable key, which stands in pages anyway."""
        return format_html(COPIED, text) if (text := publishable_text(key)) else "not stored"

    @display(description="Identity secret")
    def secret_for_users(self, key: ApiKey) -> str:
        """Show the secret that signs user ids. Only users who may change keys see this field."""
        return format_html(COPIED, identity_secret(key))

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Leave out the fields of the other kind."""
        fields = super().get_fields(request, obj)
        return fields if obj is None else [name for name in fields if ONLY.get(name, obj.kind) == obj.kind]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Return the fields that cannot be changed."""
        if obj is None:
            return ()
        fields: tuple[str, ...] = ("kind", "prefix", "created_at", "last_used_at", "last_answer_at", "revoked_at")
        fields = (*fields, "previous_expires_at")
        if obj.kind == "sk":
            return fields
        fields = (*fields, "key_text")
        return (*fields, "secret_for_users") if self.has_change_permission(request) else fields

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ApiKeyForm, change: bool) -> None:
        """Create or change the key through its service."""
        values = {name: form.cleaned_data[name] for name in CHANGEABLE if name in form.cleaned_data}
        if change:
            services.change_key(obj.pk, actor=actor_of(request), changes=values)
            if self.get_unfold_action("rotate").action_name in request.POST:
                self._rotated(request, obj)
            return
        key, raw = services.create_key(kind=form.cleaned_data["kind"], actor=actor_of(request), **values)
        obj.pk = key.pk
        obj.refresh_from_db()
        _show(request, obj, raw)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked, not deleted."""
        return False

    def has_rotate_permission(self, request: HttpRequest, object_id: int | None = None) -> bool:
        """Return whether the user may rotate or revoke: both are changes, of a key that is not revoked."""
        if object_id is None:
            return bool(self.has_change_permission(request))
        row = self.get_object(request, str(object_id))  # None where the URL holds no number
        return row is not None and row.revoked_at is None and bool(self.has_change_permission(request))

    def _rotated(self, request: HttpRequest, key: ApiKey) -> None:
        """Rotate, or report that somebody revoked the key since the page was opened."""
        if self.has_rotate_permission(request, key.pk):
            self.rotate(request, key)
        else:
            messages.error(request, "The key was revoked: it was not rotated. Make a new one where one is needed.")

    @action(description="Save and rotate", permissions=["rotate"])
    def rotate(self, request: HttpRequest, obj: ApiKey) -> None:
        """Give the key a new text; the old one stays valid for seven days."""
        key, raw = services.rotate_key(obj.pk, actor=actor_of(request))
        _show(request, key, raw)

    @action(description="Revoke for good", url_path="revoke", permissions=["rotate"])
    def revoke_page(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask for confirmation, then revoke the key."""
        key = get_object_or_404(ApiKey, pk=object_id)
        back = reverse("admin:access_apikey_change", args=[key.pk])
        if request.method == "POST":
            services.revoke_key(key.pk, actor=actor_of(request))
            messages.success(request, "The key is revoked; it stops within two seconds.")
            return HttpResponseRedirect(back)
        context = {**self.admin_site.each_context(request), "title": f"Revoke {key.name}?", "key": key, "back": back}
        return render(request, "access/revoke_key.html", context)


def _show(request: HttpRequest, key: ApiKey, raw: str) -> None:
    copied = format_html(COPIED, raw)
    if key.kind == "sk":
        text = "The key is {}. Copy it now: it is not stored and never shown again."
        messages.warning(request, format_html(text, copied))
        return
    page = reverse("admin:access_apikey_change", args=[key.pk])
    text = 'The key is {}. <a href="{}">Its page</a> shows it again, and the identity secret that proves user ids.'
    messages.success(request, format_html(text, copied, page))
