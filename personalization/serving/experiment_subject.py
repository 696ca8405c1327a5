"""The shopper of a request as experiments see them: ids, consent, sticky arms, and what conditions read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from consents.subjects import raw_ids
from experiments.arms import Subject
from experiments.design import FALLBACK_ATTRIBUTE, HASH_ATTRIBUTE
from experiments.selectors.sticky import StickyById, merged
from personalization.serving.asking import Who
from personalization.serving.serving_catalog import ServingCatalog
from profiles.selectors import Person
from profiles.shopper_states import product_info
from profiles.traits.context import context_values
from profiles.traits.registry import NO_REFUNDS, values

PURPOSE: Final = "experiments"


class LazyAttributes(Mapping[str, Any]):
    """Attributes that are computed when a condition reads them."""

    __slots__ = ("_compute", "_values")

    def __init__(self, values: dict[str, Any], compute: dict[str, Callable[[], Any]]) -> None:
        self._values, self._compute = values, compute

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._compute[name]()
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self._compute

    def __iter__(self) -> Iterator[str]:
        return iter({**self._values, **self._compute})

    def __len__(self) -> int:
        return len({**self._values, **self._compute})


@dataclass(frozen=True, slots=True)
class ExperimentSubject:
    """The subject, and the sticky arms of each of its ids."""

    subject: Subject
    sticky: StickyById = field(default_factory=dict)


def subject_of_request(
    who: Who, *, consents: bool, sticky: StickyById, person: Person | None, catalog: ServingCatalog, now: float
) -> ExperimentSubject:
    """Return the subject of a request. Without a `person` nothing is known of segments, attributes and traits."""
    hash_value, fallback_value = who.hash_ids
    own = {
        HASH_ATTRIBUTE: hash_value,
        FALLBACK_ATTRIBUTE: fallback_value,
        "consent": {PURPOSE: consents},
    }
    compute: dict[str, Callable[[], Any]] = {}
    if person is not None:
        own |= {"segments": sorted(person.segments), "attributes": dict(person.attributes)}
        compute["traits"] = partial(traits_of, person, catalog=catalog, now=now)
    ids = tuple(raw_ids(who.user_id, who.anonymous_id))
    subject = Subject(LazyAttributes(own, compute), ids, merged(sticky) if consents else {}, consents)
    return ExperimentSubject(subject, sticky)


def traits_of(person: Person, *, catalog: ServingCatalog, now: float) -> dict[str, Any]:
    """Return the traits of a person, as far as profile and catalog say; refunds are not known here."""
    products = {}
    for one in person.history:
        code = catalog.codes.get(one.product_id)
        row = None if code is None else catalog.rows[code]
        if row is not None:
            products[one.product_id] = product_info(row)
    own = values(person.history, now=int(now * 1e6), products=products, refunds=NO_REFUNDS)
    return {**own, **context_values(person.attributes)}
