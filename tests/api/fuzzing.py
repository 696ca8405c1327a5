"""Every operation of the OpenAPI document, asked whatever its schema allows and forbids, inside this process.

Half of the cases name things that exist, so that good answers are among them; an operation with a documented example
is asked that too.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

CHECKS = (not_a_server_error, status_code_conformance, response_schema_conformance)
KNOWN_BODIES: dict[str, Any] = {
    "POST /api/v1/rank": {"user_id": "ada", "product_ids": ["desk", "chair", "?"]},
    "POST /api/v1/page": {"user_id": "ada", "placements": [{"placement": "home"}, {"placement": "trending"}]},
    "POST /api/v1/recommendations/{placement}": {"user_id": "ada", "product_id": ["desk"], "limit": 5},
    "POST /api/v1/tickets": {"user_id": "ada", "anonymous_id": "a1"},
    "POST /api/v1/privacy-requests": {"subject": "user:ada", "kind": "access"},
    "PUT /api/v1/consents/{subject}": {"decisions": {"personalization": True}},
    "PUT /api/v1/products/{product_id}": {"title": "Oak desk", "currency": "EUR", "price": "300.00"},
    "POST /api/v1/products/bulk": b'{"product_id": "rug", "title": "Wool rug", "currency": "EUR", "price": "60.00"}',
    "POST /ofrep/v1/evaluate/flags": {"context": {"targetingKey": "ada"}},
    "POST /ofrep/v1/evaluate/flags/{flag}": {"context": {"targetingKey": "ada", "consent": {"experiments": True}}},
    "POST /api/eval/{key}": {"attributes": {"id": "ada"}},
    "POST /track": [
        {"event_name": "Experiment Viewed", "properties_json": {"experimentId": "button"}, "user_id": "ada"}
    ],
    "POST /mp/collect": {
        "client_id": "bo",
        "events": [{"name": "view_item", "params": {"items": [{"item_id": "desk"}]}}],
    },
}
KNOWN_IDS = {
    "placement": "home",
    "product_id": "desk",
    "subject": "user:ada",
    "customer_id": "ada",
    "flag": "button",
    "experiment": "button",
}
KEYS_IN_QUERIES = {"POST /mp/collect": ("measurement_id", "api_secret"), "POST /track": ("client_key",)}
BATCH = {"batch": [{"type": "track", "event": "Product Viewed", "userId": "ada", "properties": {"product_id": "desk"}}]}
EVENT = {"userId": "ada", "event": "Product Viewed", "name": "Home", "properties": {"product_id": "desk"}}
ALIAS = {**EVENT, "previousId": "ada-phone", "groupId": "family"}


@dataclass
class Tally:
    """What came back, by operation: how many of each status, and what was wrong."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)
    """The latest answer of each operation that was asked what the documentation shows."""

    @property
    def cases(self) -> int:
        """How many requests were answered."""
        return sum(counted.total() for counted in self.statuses.values())

    @property
    def never_good(self) -> list[str]:
        """Operations that never answered with a 2xx."""
        good = range(200, 300)
        return [name for name, counted in self.statuses.items() if not any(status in good for status in counted)]


def fuzz(
    app: Any, *, secret: str, publishable: str, each: int, seed_value: int = 7, ids: Mapping[str, str] | None = None
) -> Iterator[tuple[str, Tally]]:
    """Ask every operation `each` times; yield its name and the tally so far. `ids` are further parts of paths that name
    what exists.
    """
    schema = schemathesis.openapi.from_wsgi("/api/schema", app, headers={"Accept": "application/vnd.oai.openapi+json"})
    tally = Tally()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # a schema with errors ends the run
        name = f"{operation.method.upper()} {operation.path}"
        tally.statuses[name] = Counter()
        known_ids = {"key": publishable, **KNOWN_IDS, **(ids or {})}
        _ask(operation, name, tally, keys=(secret, publishable), ids=known_ids, each=each, seed_value=seed_value)
        yield name, tally


def _ask(
    operation: Any,
    name: str,
    tally: Tally,
    *,
    keys: tuple[str, str],
    ids: Mapping[str, str],
    each: int,
    seed_value: int,
) -> None:
    numbers = itertools.count()

    @seed(seed_value)
    @settings(
        max_examples=each,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check_case(case: Any) -> None:
        number = next(numbers)
        if number % 2 == 0:
            _befriend(case, name, keys[1], ids, whole=number % 4 == 0)
        response = case.call(headers={"Authorization": f"Bearer {keys[0]}"})
        tally.statuses[name][response.status_code] += 1
        if number % 4 == 0:
            tally.last[name] = f"{case.media_type} {case.body!r:.200} -> {response.content[:400]!r}"
        try:
            case.validate_response(response, checks=list(CHECKS))
        except (AssertionError, FailureGroup) as error:
            tally.wrong.append(f"{name} {response.status_code}: {str(error)[:600]}")

    check_case()


def _befriend(case: Any, name: str, publishable: str, ids: Mapping[str, str], *, whole: bool) -> None:
    """Let the case name what exists; `whole`: ask exactly what the documentation shows."""
    case.path_parameters = {part: ids.get(part, value) for part, value in (case.path_parameters or {}).items()}
    if not whole:
        return
    case.query = dict.fromkeys(KEYS_IN_QUERIES.get(name, ()), publishable)
    body = _known_body(name)
    if body is not None:
        case.body = body
        if isinstance(body, dict | list):
            # The strategy may have drawn text/plain, in which a dictionary is not JSON.
            case.media_type = "application/json"


def _known_body(name: str) -> Any:
    if name in KNOWN_BODIES:
        return KNOWN_BODIES[name]
    if name in ("POST /v1/batch", "POST /v1/b"):
        return BATCH
    return ALIAS if name.startswith("POST /v1/") and name != "POST /v1/m" else None
