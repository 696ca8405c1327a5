"""Access and erasure of a shopper's data in this room."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Min, Q, QuerySet

from common import clock, privacy
from common.ids import uuid7
from common.personal_data import names_of
from customers import services
from customers.models import Customer, CustomerLink, ShopId
from customers.personal_seals import opened_all, sealed_by_subject


def register() -> None:
    """Add this room to the registry."""
    privacy.register(
        privacy.Store(
            name="customers",
            erase=_erase,
            export=_export,
            discover=_discover,
            rectify=_rectify,
            subjects=_subjects,
        )
    )


def _rows(person: privacy.Person) -> tuple[QuerySet[Customer], QuerySet[CustomerLink]]:
    users = [one.partition(":")[2] for one in person.subjects if one.startswith("user:")]
    of_users = Q(user_id__in=users) | Q(kind="join", from_id__in=users)
    # Another person's claim of a shared device stays.
    return Customer.objects.filter(raw_id__in=person.subjects), CustomerLink.objects.filter(of_users)


def _shop_ids(person: privacy.Person) -> QuerySet[ShopId]:
    return ShopId.objects.filter(pseudonym__in=[one.partition(":")[2] for one in person.subjects])


def _erase(person: privacy.Person) -> int:
    rows = sum(rows.delete()[0] for rows in _rows(person))
    return rows + _shop_ids(person).delete()[0]


def _discover(person: privacy.Person) -> Iterator[privacy.Holding]:
    customers, links = _rows(person)
    yield privacy.Holding("customers", names_of(Customer), customers.count())
    yield privacy.Holding("links between ids", names_of(CustomerLink), links.count())
    yield privacy.Holding("ids of the shop", names_of(ShopId), _shop_ids(person).count())


def _subjects() -> Iterator[tuple[str, datetime]]:
    """Yield all ids with a row, and all users of links: a claimed device may be somebody else's."""
    yield from Customer.objects.values_list("raw_id", "created_at").iterator()
    for pseudonym, kept_at in ShopId.objects.values_list("pseudonym", "kept_at").iterator():
        yield from ((f"{kind}:{pseudonym}", kept_at) for kind in ("user", "anonymous"))
    links = CustomerLink.objects.values_list("kind", "from_id", "user_id").annotate(earliest=Min("at")).order_by()
    for kind, from_id, user_id, earliest in links.iterator():
        yield f"user:{user_id}", earliest
        if kind == "join":
            yield f"user:{from_id}", earliest


@transaction.atomic
def _rectify(person: privacy.Person, attributes: Mapping[str, Any]) -> None:
    raw_id = person.subjects[0]
    (sealed,) = sealed_by_subject([(raw_id, attributes)])
    services.apply_traits([services.StatedTraits(raw_id, clock.epoch_us(), f"rectification:{uuid7()}", sealed, True)])


def _export(person: privacy.Person) -> dict[str, list[dict[str, Any]]]:
    customers, links = _rows(person)
    rows = list(customers.values("raw_id", "attributes", "email_hash", "created_at"))
    attributes = opened_all([row["attributes"] for row in rows])
    return {
        "customers": [{**row, "attributes": one} for row, one in zip(rows, attributes, strict=True)],
        "links between ids": [dict(row) for row in links.values("kind", "from_id", "user_id", "at")],
    }
