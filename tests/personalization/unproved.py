"""A shop that works through its own doors: a server, a browser with the key of a page, and all that is then known."""

import json
from typing import Any

from rest_framework.test import APIClient

from access.identity import sign_user
from access.scopes import SCOPE_NAMES
from access.selectors import resolve_key
from access.services import create_key
from common import clock
from consents.models import ConsentEvent, ConsentState
from consents.selectors import person, rule_of, terms
from customers.models import Customer, CustomerLink
from customers.selectors import identity_of
from events.activity import orders_of, timeline
from events.log import get_log
from events.models import Order
from events.selectors import training_frame
from events.services.recorder import Recorder, offsets
from profiles import services
from profiles.selectors import read_person

YES = dict.fromkeys(("analytics", "personalization", "train_models"), True)
NO = dict.fromkeys(YES, False)


def consent(choices: dict[str, bool]) -> dict[str, Any]:
    """Return a context with these decisions."""
    return {"consent": {"categoryPreferences": choices}}


class DoorShop:
    """One shop with a server's key and a page's."""

    def __init__(self, **page_key: Any) -> None:
        self.secret = create_key(kind="sk", name="server", scopes=sorted(SCOPE_NAMES))[1]
        self.public = create_key(kind="pk", name="page", **page_key)[1]

    def hash_of(self, user_id: str) -> str:
        """Return the proof that the shop's server makes."""
        return sign_user(resolve_key(self.public).identity_secret, user_id=user_id)

    def client(self, key: str) -> APIClient:
        """Return a client with the key."""
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
        return client

    def server(self, *items: dict[str, Any]) -> None:
        """Send events with the secret key, and let the consumers work."""
        self._send(self.secret, items)

    def browser(self, *items: dict[str, Any], **headers: str) -> None:
        """Send events with the publishable key, and let the consumers work. It is never refused."""
        self._send(self.public, items, **headers)

    def _send(self, key: str, items: tuple[dict[str, Any], ...], **headers: str) -> None:
        body = json.dumps({"batch": items})
        answer = self.client(key).post("/v1/batch", body, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        consume()

    def ask(self, placement: str, *, key: str | None = None, **query: str) -> dict[str, Any]:
        """Return an answer without what differs each time; by default with the publishable key."""
        answer = self.client(key or self.public).get(f"/api/v1/recommendations/{placement}", query)
        assert answer.status_code == 200, answer.content
        return {name: value for name, value in answer.json().items() if name not in ("recommendation_id", "took_ms")}


def consume() -> None:
    """Let both consumers read the log to its end."""
    log = get_log()
    shards = range(log.shards)
    services.apply(log.read_many(services.offsets(shards), count=10_000))
    after = offsets(shards)
    Recorder().record(log.read_many(after, count=10_000), after=after)


def event(kind: str = "track", /, **fields: Any) -> dict[str, Any]:
    """Return an item of somebody who allows everything, unless said."""
    what = {"event": "Product Viewed", "properties": {"product_id": "desk"}} if kind == "track" else {}
    return {"type": kind, "context": consent(YES), **what, **fields}


def order(order_id: str, total: float = 10, *, name: str = "Order Completed", **fields: Any) -> dict[str, Any]:
    """Return an order event with one rug."""
    lines = [{"product_id": "rug", "price": total, "quantity": 1}]
    return event(event=name, properties={"order_id": order_id, "total": total, "products": lines}, **fields)


def allowed(subject: str) -> dict[str, bool]:
    """Return what the subject's person allows."""
    whom = person(subject)
    return {name: whom.verdict(terms()[name], rule=rule_of(None)).allowed for name in YES}


def trained() -> dict[str, list[dict[str, Any]]]:
    """Return the rows that a training learns from, by shopper."""
    frame = training_frame().astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    return {user: [row for row in rows if row["user_id"] == user] for user in {row["user_id"] for row in rows}}


def known(shop: DoorShop, subject: str) -> dict[str, Any]:
    """Return all that the shop knows and shows of a subject: decisions, links, orders, history, answers and reasons."""
    kind, _, value = subject.partition(":")
    who = {f"{kind}_id": value}
    live, identity = read_person(**who), identity_of(subject, now=clock.now())
    links = CustomerLink.objects.filter(user_id=value) | CustomerLink.objects.filter(from_id=value)
    return {
        "allowed": allowed(subject),
        "states": list(ConsentState.objects.filter(raw_id=subject).order_by("purpose").values_list("purpose", "given")),
        "proofs": list(ConsentEvent.objects.filter(raw_id=subject).order_by("id").values_list("purpose", "given")),
        "links": list(links.order_by("id").values_list("kind", "from_id", "user_id", "at")),
        "identity": (identity.user_ids, identity.anonymous_ids, dict(identity.attributes)),
        "traits": list(Customer.objects.filter(raw_id=subject).values_list("attributes", flat=True)),
        "timeline": [one.id for one in timeline(identity, limit=1000)],
        "orders": orders_of(identity, limit=1000),
        "rows": list(Order.objects.filter(claimed_by="", **who).order_by("id").values()),
        "history": live.history,
        "attributes": live.attributes,
        "ids": live.ids,
        "epoch": sum(state.epoch for state in live.consent_states.values()),
        "answers": [shop.ask(name, key=shop.secret, **who) for name in ("home", "recent")],
    }
