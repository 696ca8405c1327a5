"""Reads of customers: attributes and ids of a person, and the person of an event."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, Q, QuerySet

from common.attribute_filters import has_attributes
from common.clock import to_microseconds
from customers.identity import Claim, People, Span, component, spans_of, user_at
from customers.models import Customer, CustomerLink
from customers.personal import is_sealed
from customers.personal_seals import opened, opened_all
from customers.search_tokens import email_token


def people() -> People:
    """Return all links of the shop, to find the person of each event (training, reports)."""
    resolver = People()
    rows = CustomerLink.objects.values_list("kind", "from_id", "user_id", "at", "message_id").iterator(
        chunk_size=10_000
    )
    for kind, from_id, user_id, at, message_id in rows:
        if kind == "claim":
            resolver.claim(from_id, Claim(to_microseconds(at), message_id, user_id))
        else:
            resolver.join(from_id, user_id)
    return resolver


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of one person, and the person's attributes."""

    user_ids: tuple[str, ...]
    anonymous_ids: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    was_seen: bool = False
    """Whether any of the ids was ever seen."""
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    """When each anonymous id was this person's; ids without an entry always were."""

    @property
    def raw_ids(self) -> tuple[str, ...]:
        """All ids as subjects, users first."""
        return tuple(f"user:{one}" for one in self.user_ids) + tuple(f"anonymous:{one}" for one in self.anonymous_ids)

    @property
    def unshared(self) -> tuple[str, ...]:
        """The raw ids without the devices that also were another account's at some time."""
        shared = {f"anonymous:{one}" for one, spans in self.spans.items() if spans != (Span(None, None),)}
        return tuple(one for one in self.raw_ids if one not in shared)


def identity_of(subject: str, *, now: datetime) -> Identity:
    """Return the person behind `user:ID` or `anonymous:ID` (a bare id is a user)."""
    kind, _, value = subject.partition(":") if subject.startswith(("user:", "anonymous:")) else ("user", "", subject)
    user_id = value if kind == "user" else user_at(_claims_on([value])[value], to_microseconds(now))
    if user_id is None:
        return _with_attributes((), (value,))
    users = component(user_id, _joins_around(user_id))
    anonymous = _claimed_by(users) | ({value} if kind == "anonymous" else set())
    spans = {one: spans_of(claims, users) for one, claims in _claims_on(anonymous).items()}
    return replace(_with_attributes(tuple(sorted(users)), tuple(sorted(anonymous))), spans=spans)


def linked_since(identity: Identity) -> dict[str, datetime]:
    """Return since when each raw id of the person is linked to another one of them; an id without a link is absent."""
    ids = [*identity.user_ids, *identity.anonymous_ids]
    since: dict[str, datetime] = {}
    rows = CustomerLink.objects.filter(from_id__in=ids, user_id__in=identity.user_ids).order_by("-at")
    for kind, from_id, user_id, at in rows.values_list("kind", "from_id", "user_id", "at"):
        since[f"anonymous:{from_id}" if kind == "claim" else f"user:{from_id}"] = since[f"user:{user_id}"] = at
    return since


def users_with_attributes(*, limit: int) -> list[tuple[str, dict[str, Any]]]:
    """Return the first users by id that have attributes, with these."""
    rows = Customer.objects.filter(raw_id__startswith="user:").exclude(attributes={}).order_by("raw_id")
    pairs = list(rows.values_list("raw_id", "attributes")[:limit])
    attributes = opened_all([one for _, one in pairs])
    return [(raw_id.removeprefix("user:"), one) for (raw_id, _), one in zip(pairs, attributes, strict=True)]


def customers(
    *, attributes: Mapping[str, Sequence[str]] | None = None, created_since: datetime | None = None
) -> QuerySet[Customer]:
    """Return the customers, shoppers with a user id, that have one of the values of every attribute named."""
    rows = Customer.objects.filter(raw_id__startswith="user:")
    rows = rows if created_since is None else rows.filter(created_at__gte=created_since)
    return rows.filter(*has_attributes("customers_customer.attributes", attributes or {}))


def users_near(points: Iterable[float]) -> set[str]:
    """Return for each point between 0 and 1 the user at that place of the table; near points may give the same."""
    users = Customer.objects.filter(raw_id__startswith="user:").order_by("pk")
    ends = users.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return set()
    places = (ends["first"] + int(point * (ends["last"] - ends["first"] + 1)) for point in points)
    rows = (users.filter(pk__gte=place).values_list("raw_id", flat=True).first() for place in places)
    return {raw_id.removeprefix("user:") for raw_id in rows if raw_id}


def attribute_of(accounts: Mapping[str, str], *, name: str) -> dict[str, str]:
    """Return the latest text stated under one name by any account of each subject."""
    stated = Q(attributes__has_key=name) | Q(attribute_stamps__has_key=name)
    rows = Customer.objects.filter(stated, raw_id__in=list(accounts))
    latest: dict[str, tuple[tuple[int, str], Any]] = {}
    for raw_id, value, stamp in rows.values_list("raw_id", f"attributes__{name}", f"attribute_stamps__{name}"):
        at, message_id, *_ = stamp or (0, "")
        previous = latest.get(accounts[raw_id])
        if previous is None or (at, message_id) > previous[0]:
            latest[accounts[raw_id]] = (at, message_id), value
    return {subject: value for subject, (_, value) in latest.items() if isinstance(value, str) and not is_sealed(value)}


def accounts_of(subjects: Iterable[str]) -> dict[str, str]:
    """Return the subject of each raw id: the subject itself (`user:ID`, `anonymous:ID`), and users joined with it.

    The subject of joined users is their key, as `People` gives it.
    """
    subject_of = {subject: subject for subject in subjects}
    joins, resolver = CustomerLink.objects.filter(kind="join").values_list("from_id", "user_id"), People()
    users = set()
    for from_id, user_id in joins:
        resolver.join(from_id, user_id)
        users |= {from_id, user_id}
    for user_id in users:
        key = resolver.person(user_id=user_id, anonymous_id=None, at=0)
        if key in subject_of:
            subject_of[f"user:{user_id}"] = key
    return subject_of


def _with_attributes(user_ids: tuple[str, ...], anonymous_ids: tuple[str, ...]) -> Identity:
    bare = Identity(user_ids, anonymous_ids)
    rows = list(Customer.objects.filter(raw_id__in=bare.raw_ids).values_list("attributes", "attribute_stamps"))
    return Identity(user_ids, anonymous_ids, opened(merged(rows)), was_seen=bool(rows) or len(bare.raw_ids) > 1)


def merged(rows: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the attributes of several ids as one: the latest value of each name; message ids break ties."""
    latest: dict[str, tuple[tuple[int, str], Any]] = {}
    for attributes, stamps in rows:
        for name, (at, message_id, *_) in stamps.items():
            if name not in latest or (at, message_id) > latest[name][0]:
                latest[name] = ((at, message_id), attributes.get(name))
    return {name: value for name, (_, value) in sorted(latest.items()) if value is not None}


def _claims_on(anonymous_ids: Iterable[str]) -> dict[str, list[Claim]]:
    claims: dict[str, list[Claim]] = defaultdict(list)
    rows = CustomerLink.objects.filter(kind="claim", from_id__in=list(anonymous_ids))
    for row in rows:
        claims[row.from_id].append(Claim(to_microseconds(row.at), row.message_id, row.user_id))
    return claims


def _claimed_by(users: Iterable[str]) -> set[str]:
    rows = CustomerLink.objects.filter(kind="claim", user_id__in=list(users))
    return set(rows.values_list("from_id", flat=True))


def _joins_around(user_id: str) -> dict[str, set[str]]:
    joins: dict[str, set[str]] = defaultdict(set)
    visited: set[str] = set()
    waiting = {user_id}
    while waiting:
        visited |= waiting
        rows = CustomerLink.objects.filter(kind="join").filter(Q(from_id__in=waiting) | Q(user_id__in=waiting))
        for one, other in rows.values_list("from_id", "user_id"):
            joins[one].add(other)
            joins[other].add(one)
        waiting = set(joins) - visited
    return joins


def first_links() -> Iterator[tuple[str, str, int]]:
    """Yield every two linked raw ids with the earliest time (microseconds) of a link."""
    kinds = {"claim": ("anonymous",), "join": ("user", "anonymous")}
    rows = CustomerLink.objects.values("kind", "from_id", "user_id").annotate(first=Min("at")).order_by()
    for row in rows.iterator(chunk_size=10_000):
        for kind in kinds[row["kind"]]:
            yield f"user:{row['user_id']}", f"{kind}:{row['from_id']}", to_microseconds(row["first"])


def roots_of_joined(user_ids: Iterable[str] | None = None) -> dict[str, str]:
    """Return the smallest user id of each person with several, by every user id of the person.

    With `user_ids`, only those of these persons. Users that were never joined are left out.
    """
    joins: dict[str, set[str]] = defaultdict(set)
    rows = CustomerLink.objects.filter(kind="join")
    waiting = None if user_ids is None else set(user_ids)
    visited: set[str] = set()
    while waiting is None or waiting:
        near = rows if waiting is None else rows.filter(Q(from_id__in=waiting) | Q(user_id__in=waiting))
        for one, other in near.values_list("from_id", "user_id"):
            joins[one].add(other)
            joins[other].add(one)
        if waiting is None:
            break
        visited |= waiting
        waiting = set(joins) - visited
    roots: dict[str, str] = {}
    for user_id in joins:
        if user_id not in roots:
            users = component(user_id, joins)
            roots |= dict.fromkeys(users, min(users))
    return roots


def claimants_of(anonymous_ids: Iterable[str]) -> set[str]:
    """Return the users that ever claimed one of the anonymous ids."""
    rows = CustomerLink.objects.filter(kind="claim", from_id__in=list(anonymous_ids))
    return set(rows.values_list("user_id", flat=True).distinct())


def claims_of(users: Iterable[str]) -> set[tuple[str, str]]:
    """Return each of the users with each anonymous id that it ever claimed."""
    rows = CustomerLink.objects.filter(kind="claim", user_id__in=list(users))
    return set(rows.values_list("user_id", "from_id").distinct())


def is_email_of(raw_ids: Iterable[str], digest: str) -> bool:
    """Return whether the e-mail address with this SHA-256 is one of the ids', so that a link may be sent there.

    An address that only a browser named, without the shop's proof of its login, is nobody's: anybody could name theirs.
    """
    return Customer.objects.filter(raw_id__in=list(raw_ids), proven_email_hash=email_token(digest)).exists()


def users_with_email(digest: str) -> list[str]:
    """Return the users whose proven e-mail address has this SHA-256, the latest first (`is_email_of`)."""
    rows = Customer.objects.filter(proven_email_hash=email_token(digest), raw_id__startswith="user:").order_by("-pk")
    return [raw_id.removeprefix("user:") for raw_id in rows.values_list("raw_id", flat=True)]
