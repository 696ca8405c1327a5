"""Which collected fields something reads, and which nothing does: the officer's list for data minimization."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from common import clock
from customers.personal import EMAIL_HASHES, PERSONAL, canonical
from events.collected_fields import CollectedField, collected_fields
from events.types.registry import event_type
from experiments.metrics.base import Variable
from experiments.selectors.metrics import all_metrics
from portal.compliance.record_page import SEE
from portal.permissions import staff_page
from portal.sections import Section, answer

PRODUCT: Final = frozenset({"product_id", "productId", "sku", "id", "quantity", "price", "list_id"})
"""What `events.types.products` reads of a product."""
ORDER: Final = frozenset({"order_id", "revenue", "total", "shipping", "tax", "discount", "currency", "coupon"})
"""What `events.types.orders` and `events.types.event_type` read besides."""
OTHER: Final = frozenset({"products", "rating", "liked", "position", "experiment_id", "variation_id"})
CONTEXT: Final = {
    "campaign": "the trait channel",
    "consent": "consent proof",
    "device": "the trait device, experiments, training",
    "page": "the trait channel",
    "region": "the trait region, training",
}
"""Readers of a context's parts, in `profiles.traits.context` and `events.contexts`."""
PATHS: Final = {"products": "properties.products[]."}
COLUMNS: Final = ("Event", "Field", "Events with it", "Of its events")


@require_safe
@staff_page(SEE)
def page(request: HttpRequest) -> HttpResponse:
    """Show the fields of a sample: read by nothing, known and used by nothing, and read by what."""
    sample = collected_fields(now=clock.now())
    in_metrics = _fields_of_metrics()
    rows: dict[str, list[tuple[Any, ...]]] = {"unread": [], "standard": [], "read": []}
    for one in sample.fields:
        readers = _readers(one, in_metrics)
        if readers:
            rows["read"].append((*_cells(one), ", ".join(readers)))
        else:
            rows["standard" if _is_standard(one) else "unread"].append(_cells(one))
    sections = [
        Section(
            "unread",
            "Read by nothing",
            "Your shop sends these, and nothing in Vitrine uses them: no recommendation, trait, metric or order. "
            "Stop sending what you do not need. Staff can still see them on an event's page.",
            COLUMNS,
            rows["unread"],
        ),
        Section(
            "standard",
            "Described by the event's type, and used by nothing yet",
            "A metric of your own may use them.",
            COLUMNS,
            rows["standard"],
        ),
        Section("read", "Read", "By what each field is read.", (*COLUMNS, "Read by"), rows["read"]),
    ]
    return answer(
        request, "portal/fields.html", sections, title="Collected fields", subtitle="Collected fields", sample=sample
    )


def _readers(one: CollectedField, in_metrics: dict[tuple[str, str], list[str]]) -> Sequence[str]:
    """Return what reads the field, in words; nothing for a field that nothing reads."""
    match one.part:
        case "context":
            return [CONTEXT[one.name]] if one.name in CONTEXT else []
        case "traits":
            return list(_readers_of_trait(one.name))
        case "products":
            return ["recommendations, orders"] if one.name in PRODUCT else []
    if one.is_track and event_type(one.event).server_only:
        return ["Vitrine's own event"]
    readers = ["recommendations, orders"] if one.is_track and one.name in PRODUCT | ORDER | OTHER else []
    if not one.is_track and one.name in ("category", "name"):
        readers = ["the name of the page"]
    names = [*in_metrics.get((one.event, one.name), ()), *in_metrics.get(("", one.name), ())]
    return [*readers, *(f"the metric “{name}”" for name in dict.fromkeys(names))]


def _readers_of_trait(name: str) -> Iterator[str]:
    if name in settings.SHOPPER_ATTRIBUTES:
        yield "profiles, segments, training"
    if canonical(name) in PERSONAL | {*EMAIL_HASHES}:
        yield "the search for customers"


def _is_standard(one: CollectedField) -> bool:
    if one.part != "properties" or not one.is_track:
        return False
    return any(field.name == one.name for field in event_type(one.event).fields)


def _fields_of_metrics() -> dict[tuple[str, str], list[str]]:
    """Return the names of the metrics that read a property, by event ("" for all) and property."""
    result: dict[tuple[str, str], list[str]] = {}
    for metric in all_metrics().values():
        for variable in (metric.numerator, metric.denominator):
            for event, field in _properties_of(variable) if variable else ():
                result.setdefault((event, field), []).append(metric.name)
    return result


def _properties_of(variable: Variable) -> Iterator[tuple[str, str]]:
    if variable.source != "events":
        return
    fields = {one.field for one in variable.filters} | ({variable.field} if variable.field else set())
    yield from ((event, field) for event in variable.events or ("",) for field in fields)


def _cells(one: CollectedField) -> tuple[Any, ...]:
    path = PATHS.get(one.part, f"{one.part}.")
    return (one.event or "all", f"{path}{one.name}", f"{one.n:,}", f"{one.n / max(1, one.total):.0%}")
