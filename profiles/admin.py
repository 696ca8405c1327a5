"""The admin of segments: a builder of rules with a live count, and the jobs."""

from typing import Any, ClassVar, Final

import orjson
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from redis.exceptions import RedisError
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from audit.staff import NamesActors, ReadOnly, actor_of
from common.errors import InvalidInput
from profiles.models import Segment, SegmentJob, SegmentJobKind, SegmentKind
from profiles.segments.rules.conditions import EVENTS, UNITS
from profiles.segments.rules.parsing import parse
from profiles.segments.rules.wording import COMPARISONS, sentence
from profiles.selectors.segments import sizes
from profiles.services.segment_estimates import estimate
from profiles.services.segment_jobs import queue_job
from profiles.services.segments import create_segment, edit_segment
from profiles.traits.registry import TRAIT_FIELDS

COLORS: Final = {"queued": "info", "running": "warning", "done": "success", "failed": "danger"}
FIRST_RULE: Final = {"all": [{"event": "view", "is": "at_least", "times": 3, "within": "30 minutes"}]}


class RuleBuilder(forms.Textarea):
    """The rule as JSON in a text area, which a script shows as rows; without scripts the JSON is edited."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the text area, the builder around it, and what it offers."""
        context = {
            "textarea": super().render(name, value, {**(attrs or {}), "rows": 8, "class": "v-text"}, renderer),
            "offers": {
                "traits": [{"path": one.path, "title": one.title, "kind": one.kind} for one in TRAIT_FIELDS.values()],
                "events": EVENTS,
                "comparisons": COMPARISONS,
                "units": list(UNITS),
            },
            "estimate": reverse("admin:profiles_segment_estimate"),
            "count": reverse("admin:profiles_segment_count"),
        }
        return SafeString(render_to_string("profiles/rule_builder.html", context))


class SegmentForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own class takes no parameter when it runs
    """A segment with its rule."""

    rule = forms.CharField(widget=RuleBuilder(), required=False, help_text="Whom the segment holds.")

    class Meta:
        model = Segment
        fields = ("name", "key", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rule" in self.fields:
            rule = self.instance.rule if self.instance.pk else FIRST_RULE
            self.initial["rule"] = orjson.dumps(rule, option=orjson.OPT_INDENT_2).decode()

    def clean_rule(self) -> Any:
        """Return the rule. Every error names its field."""
        try:
            rule = orjson.loads(self.cleaned_data["rule"] or "{}")
            parse(rule)
        except orjson.JSONDecodeError as error:
            raise ValidationError(f"This is no JSON: {error}") from error
        except InvalidInput as error:
            raise ValidationError([str(one) for one in error.errors]) from error
        return rule


@admin.register(Segment)
class SegmentAdmin(ModelAdmin):
    """Segments. Who is in one is determined anew after each change, by a job."""

    form = SegmentForm
    list_display = ("name", "key", "kind", "members", "description", "active", "explore")
    list_filter = ("kind", "active")
    search_fields = ("name", "key")
    actions_list: ClassVar = ["refit_page"]
    fields = ("name", "key", "active", "rule")
    view_only: ClassVar = ("name", "key", "kind", "active", "description", "version")

    def get_fields(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        """Show the rule in words to staff who may only view; a segment of a cluster has no rule."""
        if obj is not None and not self.has_change_permission(request, obj):
            return self.view_only
        if obj is not None and obj.kind == SegmentKind.CLUSTER:
            return ("name", "active", "key", "description")
        return self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        """Fix the key once a segment is saved: rules and other systems name the segment by it."""
        return () if obj is None else ("key", "kind", "description", "version")

    def get_urls(self) -> list[URLPattern]:
        """Add the URLs of the builder."""
        wrap = self.admin_site.admin_view
        own = [
            path("estimate", wrap(self.estimate_view), name="profiles_segment_estimate"),
            path("count", wrap(self.count_view), name="profiles_segment_count"),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [*own, *urls]

    def may_build(self, request: HttpRequest) -> bool:
        """Return whether this person writes rules."""
        return request.user.has_perm("profiles.add_segment") or request.user.has_perm("profiles.change_segment")

    def estimate_view(self, request: HttpRequest) -> HttpResponse:
        """Return a rule in words and an estimate of its members, or its errors by field."""
        if not self.may_build(request) or request.method != "POST":
            return HttpResponse(status=403 if not self.may_build(request) else 405)
        try:
            node = parse(_json_of(request))
            result = estimate(node)
        except InvalidInput as error:
            errors = [{"field": one.field, "message": one.message} for one in error.errors]
            return JsonResponse({"errors": errors}, status=422)
        except RedisError:
            return JsonResponse(
                {"errors": [{"field": "", "message": "The profile store does not answer."}]}, status=503
            )
        body = {name: getattr(result, name) for name in ("members", "low", "high", "sample", "profiles")}
        return JsonResponse({**body, "sentence": sentence(node)}, headers={"Cache-Control": "no-store"})

    def count_view(self, request: HttpRequest) -> HttpResponse:
        """Queue an exact count (POST), or return how far one is (GET with `job`)."""
        if not self.may_build(request):
            return HttpResponse(status=403)
        if request.method == "POST":
            try:
                rule = _json_of(request)
                parse(rule)
            except InvalidInput as error:
                return JsonResponse({"errors": [{"field": "rule", "message": error.detail}]}, status=422)
            job = queue_job(SegmentJobKind.COUNT, actor=actor_of(request), rule=rule)
        else:
            number = request.GET.get("job", "")
            job = get_object_or_404(SegmentJob, kind=SegmentJobKind.COUNT, pk=number if number.isdecimal() else None)
        body = {"job": job.pk, "state": job.state, "percent": round(100 * job.progress), "message": job.message}
        return JsonResponse(body, headers={"Cache-Control": "no-store"})

    def save_model(self, request: HttpRequest, obj: Segment, form: SegmentForm, change: bool) -> None:
        """Save through the services."""
        actor, rule = actor_of(request), form.cleaned_data.get("rule")
        if change:
            saved = edit_segment(obj.pk, actor=actor, name=obj.name, rule=rule, active=obj.active)
        else:
            saved = create_segment(key=obj.key, name=obj.name, rule=rule, active=obj.active, actor=actor)
        obj.pk = saved.pk
        messages.info(request, "The members are being determined; see Jobs.")

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        """Return False: rules and past events name segments. A segment can be switched off instead."""
        return False

    def has_refit_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may fit the clusters."""
        return request.user.has_perm("profiles.change_segment")

    @action(description="Find segments by likeness", url_path="refit", permissions=["refit"])
    def refit_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for confirmation, then queue a fit."""
        back = reverse("admin:profiles_segment_changelist")
        if request.method != "POST":
            context = {"title": "Find segments by likeness?", "back": back}
            return render(request, "profiles/confirm_refit.html", {**self.admin_site.each_context(request), **context})
        job = queue_job(SegmentJobKind.REFIT, actor=actor_of(request))
        messages.success(request, f"Job {job.pk} is queued.")
        return HttpResponseRedirect(reverse("admin:profiles_segmentjob_changelist"))

    @admin.display(description="members")
    def members(self, segment: Segment) -> str:
        """Return the number of members now."""
        try:
            return f"{sizes([segment.key])[segment.key]:,}"
        except RedisError:
            return "unknown"

    @display(description="explorer")
    def explore(self, segment: Segment) -> str:
        """Return the link to the segment's page."""
        return SafeString(f'<a href="{reverse("portal:segment", args=[segment.key])}">Explore</a>')


@admin.register(SegmentJob)
class SegmentJobAdmin(NamesActors, ReadOnly, ModelAdmin):
    """Jobs write their own rows while they work."""

    list_display = ("id", "kind", "state_label", "bar", "step", "message", "who", "created_at", "finished_at")
    list_filter = ("kind", "state")
    fields = ("kind", "state_label", "bar", "step", "message", "who", "created_at", "started_at", "finished_at")
    readonly_fields = fields

    @display(description="state", label=COLORS)
    def state_label(self, job: SegmentJob) -> str:
        """Return the state as a label."""
        return job.state

    @admin.display(description="done")
    def bar(self, job: SegmentJob) -> str:
        """Return the finished share in percent."""
        return f"{100 * job.progress:.0f} %"

    @admin.display(description="asked for by")
    def who(self, job: SegmentJob) -> str:
        """Return who started the job."""
        return self.called(job)


def _json_of(request: HttpRequest) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput.of("rule", f"is no JSON: {error}") from error
