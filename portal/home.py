"""The admin's home page; it shows each person only what they may see."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import redis
from django.conf import settings
from django.http import HttpRequest

from audit.selectors import Entry, entries
from audit.staff import names_of
from common import clock
from common.errors import Unavailable
from events import activity
from events.pulse_cache import latest_pulse
from events.rejections import n_refused_again
from events.stream import minutes
from modelops.selectors.overview import live_model
from modelops.selectors.runs import latest_run, unfinished_run
from personalization.selectors.placements import active_placements
from personalization.selectors.rules import running_rules
from personalization.serving.snapshot_refresher import snapshot_refresher
from portal.checklist import checklist_for
from portal.decisions import decisions_for
from portal.failed_today import failed_today
from portal.holdout import holdout_context
from portal.links import link_of
from portal.model_card import card_of
from portal.performance import this_week, this_week_products
from portal.permissions import WATCH, may
from portal.stream.hour import summary

DOORS: Final = (
    ("How placements do", "portal:performance", "personalization.view_placement"),
    ("Preview what a shopper sees", "portal:preview", "personalization.view_placement"),
    ("Find a customer", "portal:customers", "customers.view_customer"),
    ("Explore segments", "portal:segments", "profiles.view_segment"),
    ("Add a segment", "admin:profiles_segment_add", "profiles.add_segment"),
    ("Add a rule", "admin:personalization_rule_add", "personalization.add_rule"),
    ("Products", "admin:catalog_product_changelist", "catalog.view_product"),
    ("Models: verdicts and live results", "portal:models", "modelops.change_modelversion"),
    ("Event stream", "portal:stream", WATCH),
    ("Privacy requests", "admin:consents_privacyrequest_changelist", "consents.change_*"),
    ("Practice audit", "portal:practice", "consents.change_*"),
    ("Audit log", "admin:audit_auditevent_changelist", "audit.view_*"),
    ("Look up consent proof", "admin:consents_consentevent_changelist", "consents.change_*"),
    ("Accounts and roles", "admin:access_user_changelist", "access.change_user"),
    ("API keys", "admin:access_apikey_changelist", "access.change_apikey"),
)
MERCHANDISE: Final = "personalization.change_rule"
JUDGE: Final = "modelops.change_modelversion"
"""Who compares versions reads metrics of models; the others read what shoppers did."""
NO_DECISIONS: Final = ("user.signed_in", "user.signed_out", "user.sign_in_refused")
AUDIT_SIZE: Final = 8
BEST_SELLERS: Final = 8
RUNNING_RULES: Final = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the small chart; `height` is in percent of the chart."""

    day: date
    count: int
    height: int

    @property
    def top(self) -> int:
        """The distance of the bar from the top, in percent."""
        return 100 - self.height


@dataclass(frozen=True, slots=True)
class MinuteBar:
    """One minute of the chart of the last hour; `height` is in percent of the chart."""

    time: str
    count: int
    height: int

    @property
    def top(self) -> int:
        """The distance of the bar from the top, in percent."""
        return 100 - self.height


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the context of the admin's home; each card needs the permission for its content."""
    user = request.user
    sells = may(user, MERCHANDISE) and not may(user, JUDGE) and not may(user, WATCH)
    doors = [(title, link) for title, name, permission in DOORS if may(user, permission) and (link := link_of(name))]
    return {
        **context,
        "title": "What is happening",
        "doors": doors,
        "checklist": checklist_for(user),
        "has_no_role": not user.get_all_permissions(),
        "sells": sells,
        **(_sales() if sells else {}),
        **(_events() if may(user, "events.view_count") else {}),
        **(_stream() if may(user, WATCH) else {}),
        **(_model(metrics=may(user, JUDGE)) if may(user, "modelops.view_modelversion") and not sells else {}),
        **holdout_context(user),
        "decisions": decisions_for(user),
        "failures": failed_today(user) if may(user, WATCH) else [],
        "week": this_week() if may(user, "personalization.view_placement") else [],
        "zone": settings.SHOP_TIME_ZONE,
        "may_see_setaside": may(user, "events.view_setaside"),
        "placements": list(active_placements().values()) if may(user, "personalization.view_placement") else [],
        "audit": _decisions() if may(user, "audit.view_*") else [],
    }


def _decisions() -> list[Entry]:
    """Return the latest audited decisions, with names of staff: the log itself stores only ids."""
    decisions = list(entries(excluded_actions=NO_DECISIONS, limit=AUDIT_SIZE))
    names = names_of(one.actor for one in decisions)
    return [replace(one, actor=names[one.actor]) for one in decisions]


def _events() -> dict[str, Any]:
    pulse = latest_pulse(now=clock.now())
    most = max(1, *(count for _, count in pulse.days))
    bars = [Bar(day, count, max(1, round(100 * count / most)) if count else 0) for day, count in pulse.days]
    return {"pulse": pulse, "bars": bars, "lag": _lag(), "refused_again": n_refused_again()}


def _sales() -> dict[str, Any]:
    """Return what who merchandises looks at in place of models: products that sold, and rules that run."""
    return {"best_sellers": this_week_products(BEST_SELLERS), "running_rules": running_rules(most=RUNNING_RULES)}


def _stream() -> dict[str, Any]:
    """Return the numbers of the event stream's page; without Redis none."""
    try:
        recent = summary(minutes.last_hour())
    except redis.RedisError:
        return {"may_watch": True}
    most = max(1, *(count for _, count in recent.kept_by_minute))
    bars = [MinuteBar(time, count, round(100 * count / most)) for time, count in recent.kept_by_minute]
    return {"may_watch": True, "stream": recent, "stream_bars": bars}


def _lag() -> int | None:
    try:
        return activity.lag()
    except Unavailable:
        return None


def _model(*, metrics: bool) -> dict[str, Any]:
    model = live_model()
    return {
        "may_see_model": True,
        "may_judge": metrics,
        "model": card_of(model) if model else None,
        "refusal": snapshot_refresher.refusal,
        "run": unfinished_run() or latest_run(),
    }
