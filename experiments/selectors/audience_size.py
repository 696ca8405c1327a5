"""How many shoppers an experiment is about: a sample of the shoppers of the last days, asked as serving would."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from common import clock
from consents.person import Verdict, person_of
from consents.selectors import rule_of, terms
from experiments.audience import Clause
from experiments.conditions import holds
from experiments.design import SERVER_ATTRIBUTES, roots_of
from experiments.growthbook import CONSENT, PURPOSE
from profiles.selectors import Person, read_people
from profiles.selectors.segments import active_keys, random_subjects, titles
from profiles.shopper_states import ProductCache, is_allowed, states_of
from profiles.traits.registry import TRAIT_FIELDS, TRAITS

SAMPLE: Final = 1_000
DAYS: Final = 28
DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class AudienceSize:
    """Of a sample of shoppers seen lately: the share that meets the condition, and the share that takes part.

    Who takes part meets the condition and may be experimented on. Shares are None without shoppers, and where the
    condition reads what only the shop's pages know: `of_pages` names those attributes. `server_only` tells that SDKs
    that decide locally leave the experiment out.
    """

    sample: int
    matching: float | None
    participating: float | None
    server_only: bool
    of_pages: tuple[str, ...] = ()


def audience_size(condition: Mapping[str, Any]) -> AudienceSize:
    """Return the size of an audience. Raises redis errors."""
    roots = roots_of(condition)
    of_pages = tuple(sorted(roots - SERVER_ATTRIBUTES))
    server_only = bool(roots & SERVER_ATTRIBUTES)
    people = _recent_people()
    if not people:
        return AudienceSize(0, None, None, server_only, of_pages)
    attributes = _attributes(people, with_traits="traits" in roots)
    may = [one[CONSENT].get(PURPOSE, False) for one in attributes]
    if of_pages:
        return AudienceSize(len(people), None, sum(may) / len(people), server_only, of_pages)
    meets = [holds(condition, one) for one in attributes]
    both = sum(one and other for one, other in zip(meets, may, strict=True))
    return AudienceSize(len(people), sum(meets) / len(people), both / len(people), server_only)


def titles_of_clauses(clauses: Iterable[Clause]) -> dict[str, str]:
    """Return the name for people of what each clause compares."""
    segments = dict(titles())
    purposes = {key: one.name.replace("_", " ") for key, one in terms().items()}
    result = {}
    for one in clauses:
        trait = TRAIT_FIELDS.get(one.name)
        by_kind = {
            "segment": segments.get(one.name, one.name),
            "consent": purposes.get(one.name, one.name),
            "number": one.name if trait is None else trait.title,
            "name": one.name if trait is None else trait.title,
        }
        result[one.what] = by_kind.get(one.kind, one.name)
    return result


def _recent_people() -> list[Person]:
    subjects, _ = random_subjects(SAMPLE)
    since = clock.epoch_us() - DAYS * DAY_US
    pairs = zip(subjects, read_people(subjects), strict=True)
    return [
        person
        for raw_id, person in pairs
        if person.subject == raw_id and person.history and person.history[-1].at >= since
    ]


def _attributes(people: list[Person], *, with_traits: bool) -> list[dict[str, Any]]:
    """Return what the server knows of each person, as conditions read it."""
    active = set(active_keys())
    traits = frozenset(TRAITS) if with_traits else frozenset[str]()
    states = states_of(people, traits, cache=ProductCache() if traits else None, now=clock.epoch_us())
    result = []
    for person, state in zip(people, states, strict=True):
        allowed = is_allowed(person)
        result.append(
            {
                "segments": [key for key in person.segments if key in active] if allowed else [],
                "traits": dict(state.traits),
                "attributes": dict(state.attributes),
                CONSENT: {name: verdict.allowed for name, verdict in _verdicts(person).items()},
            }
        )
    return result


def _verdicts(person: Person) -> Mapping[str, Verdict]:
    whom = person_of(person.ids, person.consent_states)
    return whom.verdicts(terms(), rule=rule_of(whom.region), gpc=False)
