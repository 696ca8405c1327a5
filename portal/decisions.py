"""What waits for a person's decision today: alarms, accounts, waivers, versions, rules, failed work."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import reverse

from access.accounts import CONFIRM, unconfirmed_accounts
from common import clock
from common.errors import Unavailable
from consents.selectors.practice import latest_audit
from consents.selectors.requests import FULFIL, pressing_requests
from events.activity import n_rejected
from events.rejections import n_refused_again
from experiments.selectors.policies import waiting_proposals
from modelops.selectors.overview import open_alarms, version_to_promote, waiting_waivers
from modelops.selectors.runs import REFUSED, latest_run
from personalization.selectors.conflicts import warnings_of_rules
from personalization.selectors.rules import active_rule_ids, rules_that_end
from portal.failed_today import failed_jobs_of_workers, late_schedules
from portal.permissions import WATCH, may

Person: TypeAlias = AbstractBaseUser | AnonymousUser
ENDS_SOON: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing to decide: what it is, what it means, and where it is decided."""

    title: str
    text: str
    link: str


def decisions_for(user: Person) -> list[Decision]:
    """Return what waits for this person, the most pressing first."""
    waiting = [one for permission, of_kind in WAITING if may(user, permission) for one in of_kind(user)]
    return list(dict.fromkeys(waiting))


def _alarms(user: Person) -> Iterator[Decision]:
    for one in open_alarms():
        link = reverse("admin:modelops_modelalarm_change", args=[one.id])
        yield Decision(one.title, f"since {_local(one.raised_at)}: {one.message}", link)


def _accounts(user: Person) -> Iterator[Decision]:
    text = "until it is confirmed, it takes part in no decision that needs two."
    for account_id, name in unconfirmed_accounts():
        link = reverse("admin:access_user_confirm_page", args=[account_id])
        yield Decision(f"The account {name} waits for a second person", text, link)


def _waivers(user: Person) -> Iterator[Decision]:
    for one in waiting_waivers(except_of=user.pk):
        text = (
            f"{one.requested_by} requested it on {_local(one.requested_at)}; without an approval it ends on "
            f"{_local(one.expires_at)}."
        )
        link = reverse("admin:modelops_modelwaiver_change", args=[one.id])
        yield Decision(f"A waiver of {one.version} waits for a second person", text, link)


def _refused_run(user: Person) -> Iterator[Decision]:
    run = latest_run()
    if run is not None and (run.failed or run.state == REFUSED):
        link = reverse("admin:modelops_trainingrun_change", args=[run.id])
        yield Decision(f"The last training {'failed' if run.failed else 'was refused'}", run.message, link)


def _late_schedules(user: Person) -> Iterator[Decision]:
    for one in late_schedules():
        yield Decision(one.title, one.text, one.link)


def _failed_jobs(user: Person) -> Iterator[Decision]:
    for one in failed_jobs_of_workers():
        yield Decision(one.title, one.text or "it gave no reason.", one.link)


def _version(user: Person) -> Iterator[Decision]:
    if (waiting := version_to_promote()) is not None:
        link = reverse("admin:modelops_modelversion_change", args=[waiting[0]])
        yield Decision(f"Version {waiting[1]} passed all checks", "it is not live: promote it, or leave it.", link)


def _proposals(user: Person) -> Iterator[Decision]:
    for one in waiting_proposals():
        link = reverse("admin:experiments_experiment_change", args=[one.experiment_id])
        what = "waits for your approval" if one.can_be_approved else "has a recommendation"
        yield Decision(f"“{one.name}” {what}", one.sentence, link)


def _ending_rules(user: Person) -> Iterator[Decision]:
    for rule_id, name, ends_at in rules_that_end(before=clock.now() + ENDS_SOON):
        link = reverse("admin:personalization_rule_change", args=[rule_id])
        yield Decision(f"“{name}” ends soon", f"on {_local(ends_at)}: prolong it, or let it end.", link)


def _conflicting_rules(user: Person) -> Iterator[Decision]:
    try:
        warnings = warnings_of_rules(*active_rule_ids())
    except Unavailable:  # the catalog is being loaded
        return
    if warnings:
        rest = f" And {len(warnings) - 1} more." if len(warnings) > 1 else ""
        link = reverse("admin:personalization_rule_changelist") + "?active__exact=1"
        yield Decision("Rules contradict each other, or match nothing", f"{warnings[0]}.{rest}", link)


def _rejected(user: Person) -> Iterator[Decision]:
    link = reverse("admin:events_setaside_changelist")
    if (count := n_rejected()) > 0:
        text = "read why, and send them again once it is mended."
        yield Decision(f"{_events(count)} rejected", text, f"{link}?sent=no")
    if (count := n_refused_again()) > 0:
        text = "tried, refused again: the sender must send corrected events."
        yield Decision(f"{_events(count)} sent again in vain", text, f"{link}?sent=refused")


def _privacy_requests(user: Person) -> Iterator[Decision]:
    for one in pressing_requests():
        link = reverse("admin:consents_privacyrequest_change", args=[one.id])
        yield Decision(f"{one.title}: {one.time_left}", one.text, link)


def _practice(user: Person) -> Iterator[Decision]:
    latest = latest_audit()
    # Requests stand here themselves, as they are now.
    for one in latest.findings if latest else ():
        if one.check != "requests":
            yield Decision(one.title, one.remedy, reverse("portal:practice"))


def _events(count: int) -> str:
    return "1 event was" if count == 1 else f"{count:,} events were"


WAITING: Final[tuple[tuple[str, Callable[[Person], Iterator[Decision]]], ...]] = (
    ("modelops.view_modelalarm", _alarms),
    (CONFIRM, _accounts),
    ("modelops.approve_modelwaiver", _waivers),
    ("modelops.change_modelversion", _refused_run),
    (WATCH, _refused_run),
    (WATCH, _late_schedules),
    (WATCH, _failed_jobs),
    ("experiments.change_experiment", _proposals),
    ("modelops.change_modelversion", _version),
    ("personalization.change_rule", _conflicting_rules),
    ("personalization.change_rule", _ending_rules),
    (WATCH, _rejected),
    (FULFIL, _privacy_requests),
    (FULFIL, _practice),
)
"""Who may decide, and what waits."""


def _local(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)):%Y-%m-%d %H:%M %Z}"
