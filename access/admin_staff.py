"""Admin pages of accounts and roles. Nobody changes their own roles; a second person confirms what others set up."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from access import accounts
from access.models import User
from audit.selectors import entries
from audit.staff import AuditedAdmin, actor_of, names_of
from common.errors import DomainError

admin.site.unregister(Group)
SETS: Final = {"groups": "roles", "user_permissions": "permissions", "permissions": "permissions"}
"""Fields whose given and taken rows the log names, with their word there."""
SWITCHES: Final = ("is_active", "is_staff", "is_superuser")
CHANGES_SHOWN: Final = 20
NO_CHANGES: Final = ("user.signed_in", "user.signed_out", "user.sign_in_refused")


class NamesGrants(AuditedAdmin):
    """Mixin: the audit log names the roles and permissions that were given and taken; they identify nobody."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Add grants and switches to Django's list of changed fields."""
        message = super().construct_change_message(request, form, formsets, add)  # type: ignore[misc]
        for field in SETS.keys() & set(form.changed_data):
            before, after = (_names(rows) for rows in (form.initial.get(field) or (), form.cleaned_data[field]))
            message.append({SETS[field]: {"given": sorted(after - before), "taken": sorted(before - after)}})
        switched = {name: bool(form.cleaned_data[name]) for name in SWITCHES if name in form.changed_data}
        return [*message, {"switched": switched}] if switched else message


def _names(rows: Iterable[Any]) -> set[str]:
    """Return the names of roles, or of permissions as `app.codename`."""
    return {f"{row.content_type.app_label}.{row.codename}" if isinstance(row, Permission) else row.name for row in rows}


@admin.register(User)
class UserAdmin(NamesGrants, DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    """Accounts of staff. Only a superuser makes superusers, or changes one; nobody changes their own powers."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "roles", "is_active", "confirmation", "last_login")
    list_filter = ("groups", "is_active", "is_staff")
    identifying = ("username",)
    actions_detail: ClassVar = ["confirm_page"]

    @display(description="Roles")
    def roles(self, user: User) -> str:
        """Show the user's roles."""
        return ", ".join(group.name for group in user.groups.all())

    @display(description="Confirmed", label={"yes": "success", "waits": "warning"})
    def confirmation(self, user: User) -> str:
        """Show whether a second person has confirmed what others set up."""
        return "yes" if accounts.is_confirmed(user) else "waits"

    @admin.display(description="Set up by")
    def set_up_by(self, user: User) -> str:
        """Show who set the account up since it was confirmed."""
        return ", ".join(sorted(names_of(user.unconfirmed_changes_by).values())) or "nobody else since it was confirmed"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Prefetch the roles."""
        users: QuerySet[User] = super().get_queryset(request)
        return users.prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Add who set the account up."""
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is None else [*fieldsets, ("Confirmation", {"fields": ("confirmation", "set_up_by")})]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Make one's own powers read-only, and those of superusers for everybody else."""
        guarded = {"last_login", "date_joined", "confirmation", "set_up_by"}
        guarded |= set() if _superuser(request) else {"is_superuser", "user_permissions"}
        guarded |= accounts.POWERS - {"username"} if _own(request, obj) else set()
        return (*super().get_readonly_fields(request, obj), *sorted(guarded))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may make accounts; an unconfirmed account may not."""
        return accounts.is_confirmed(request.user) and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether the user may change the row; a superuser's row is for superusers."""
        return self._manages(request, obj) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether the user may delete the row; nobody deletes their own."""
        may = self._manages(request, obj) and not _own(request, obj)
        return may and bool(super().has_delete_permission(request, obj))

    def _manages(self, request: HttpRequest, obj: User | None) -> bool:
        return accounts.is_confirmed(request.user) and (obj is None or not obj.is_superuser or _superuser(request))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the account, and note who set it up. A new one may sign in, and sees nothing without a role."""
        if not change:
            obj.is_staff = True
        else:  # the form was read before: what others write meanwhile must stay
            row = User.objects.select_for_update().get(pk=obj.pk)
            for name in ("password", "unconfirmed_changes_by", "has_temporary_password"):
                setattr(obj, name, getattr(row, name))
        super().save_model(request, obj, form, change)
        if not change or accounts.POWERS & set(form.changed_data):
            accounts.note_change(obj.pk, actor=actor_of(request), password=not change)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Set somebody's password, record it and note it, all or nothing. One's own is changed with the old one."""
        user = self.get_object(request, unquote(id))
        if _own(request, user) and self.has_change_permission(request, user):
            return HttpResponseRedirect(reverse("admin:password_change"))
        with transaction.atomic():
            response: HttpResponse = super().user_change_password(request, id, form_url)
            if user is not None and User.objects.get(pk=user.pk).password != user.password:
                accounts.note_change(user.pk, actor=actor_of(request), password=True)
        return response

    def has_confirm_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether the user may confirm accounts that others set up."""
        return request.user.has_perm(accounts.CONFIRM)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Show the button only on accounts that wait."""
        user = self.get_object(request, str(object_id))
        waits = user is not None and not accounts.is_confirmed(user)
        return super().get_actions_detail(request, object_id) if waits else []

    @action(description="Confirm", url_path="confirm", permissions=["confirm"])
    def confirm_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show who set the account up and what they changed, then confirm it."""
        user = self.get_object(request, object_id)  # None where the URL holds no number
        if user is None:
            raise Http404
        back = reverse("admin:access_user_change", args=[user.pk])
        if request.method == "POST":
            try:
                accounts.confirm_account(user.pk, by=request.user)
                messages.success(request, f"{user} is confirmed.")
            except DomainError as error:
                messages.error(request, error.detail)
            return HttpResponseRedirect(back)
        context = {"title": f"Confirm the account of {user}?", "user_row": user, "back": back,
                   "refusal": accounts.refusal_to_confirm(user, by=request.user), "set_up_by": self.set_up_by(user),
                   "changes": _changes_of(user)}  # fmt: skip
        return render(request, "access/confirm_user.html", {**self.admin_site.each_context(request), **context})


@admin.register(Group)
class RoleAdmin(NamesGrants, DjangoGroupAdmin, ModelAdmin):
    """Roles; `manage.py sync_roles` restores the six that come with the product."""


def _changes_of(user: User) -> list[tuple[Any, str, str]]:
    """Return time, actor and changes of the account's latest records, back to its last confirmation."""
    rows = []
    for entry in entries(object=f"user:{user.pk}", excluded_actions=NO_CHANGES, limit=CHANGES_SHOWN):
        if entry.action == "user.confirmed":
            break
        rows.append(entry)
    names = names_of(entry.actor for entry in rows)
    return [(entry.at, names[entry.actor], _summary(entry.data)) for entry in rows]


def _summary(data: dict[str, Any]) -> str:
    """Return the changes of a record in one line."""
    parts = []
    for change in data.get("changes", ()):
        for word in ("roles", "permissions"):
            parts += [f"{verb} {name}" for verb, names in change.get(word, {}).items() for name in names]
        parts += [f"{name}: {'on' if value else 'off'}" for name, value in change.get("switched", {}).items()]
        parts += [str(name) for name in change.get("changed", {}).get("fields", ())]
    return ", ".join(parts) or "made"


def _own(request: HttpRequest, user: User | None) -> bool:
    return user is not None and user.pk == request.user.pk


def _superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))
