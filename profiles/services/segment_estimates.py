"""How many shoppers a rule has: estimated from a sample at once, or counted exactly by a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from common import clock, redis
from profiles.models import SegmentJob
from profiles.segments.rules.conditions import Attribute, Node, TraitName, leaves, reads_catalog, traits_of
from profiles.segments.rules.evaluation import meets
from profiles.segments.rules.necessary import minima
from profiles.segments.rules.parsing import parse
from profiles.segments.segment_set import CATALOG_TRAITS
from profiles.selectors import Person, read_people
from profiles.selectors.segments import random_subjects
from profiles.services.segment_scan import Progress, list_subjects, shoppers
from profiles.shopper_states import ProductCache, lazy_states, states_of

SAMPLE: Final = 1_000
Z: Final = 1.96
"""Standard deviations of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Members of a rule with a 95 % interval; exact where every profile is in the sample."""

    members: int
    low: int
    high: int
    sample: int
    profiles: int


def estimate(node: Node) -> Estimate:
    """Return an estimate from a random sample of profiles (Wilson's interval). Raises redis errors."""
    subjects, total = random_subjects(SAMPLE)
    if not subjects:
        return Estimate(0, 0, 0, 0, 0)
    sampled = [
        person for raw_id, person in zip(subjects, read_people(subjects), strict=True) if person.subject == raw_id
    ]
    hits = matching(node, sampled, cache=cache_for(node))
    if len(subjects) == total:
        return Estimate(hits, hits, hits, total, total)
    n, share = len(subjects), hits / len(subjects)
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Estimate(round(share * total), round(low * total), round(high * total), n, total)


def count(job: SegmentJob, progress: Progress) -> Mapping[str, Any]:
    """Count the members of the job's rule over all profiles."""
    list_subjects()
    node, members, profiles = parse(job.rule), 0, 0
    traits, cache = traits_of(node), cache_for(node)
    with_attributes = any(isinstance(leaf, Attribute | TraitName) for leaf in leaves(node))
    for batch in shoppers(progress, step="Counting", with_attributes=with_attributes, minima=minima(node)):
        version = 0 if cache is None else _catalog_version()
        states = lazy_states(batch, traits, cache=cache, now=clock.epoch_us(), catalog_version=version)
        members += sum(meets(node, state) for state in states)
        profiles += len(batch)
    return {"members": members, "profiles": profiles, "message": f"{members:,} of {profiles:,} shoppers"}


def _catalog_version() -> int:
    version: Any = redis.client().get(redis.CATALOG_VERSION)
    return int(version or 0)


def matching(node: Node, batch: list[Person], *, cache: ProductCache | None) -> int:
    """Return how many of the people meet the rule."""
    states = states_of(batch, traits_of(node), cache=cache, now=clock.epoch_us())
    return sum(meets(node, state) for state in states)


def cache_for(node: Node) -> ProductCache | None:
    """Return a cache of products if the rule reads any."""
    return ProductCache() if reads_catalog(node) or traits_of(node) & CATALOG_TRAITS else None
