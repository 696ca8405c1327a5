"""Which arm a subject gets, and why. Pure.

The order of the steps is that of GrowthBook's specification ("run"), so every SDK decides the same: forced arms first,
then the sticky arm, namespace and hold-out, condition, and at last the hash.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from experiments.assignment import choose_arm, hash_v2
from experiments.conditions import holds
from experiments.design import FALLBACK_ATTRIBUTE, HASH_ATTRIBUTE, HELD_OUT, BucketFilter, Design, LiveExperiments

Why = Literal[
    "hash",
    "sticky",
    "ended",
    "ramped",
    "test_unit",
    "no_consent",
    "no_id",
    "held_out",
    "namespace",
    "condition",
    "coverage",
]
PARTICIPATING: Final = frozenset({"hash", "sticky"})


@dataclass(frozen=True, slots=True)
class StickyArm:
    """The arm that a subject got before, in an epoch of an experiment."""

    epoch: int
    arm: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an experiment decides about.

    `attributes` are what conditions read; `id` is the shop's user id, else the anonymous id, and `anonymous_id` the
    anonymous one. `raw_ids` are the same ids as `user:ID` and `anonymous:ID`, the user first. `sticky` maps an
    experiment's key to the earlier arm. `consents` says whether the subject may be experimented on.
    """

    attributes: Mapping[str, Any]
    raw_ids: tuple[str, ...] = ()
    sticky: Mapping[str, StickyArm] = field(default_factory=dict)
    consents: bool = True

    @property
    def hash_value(self) -> str:
        """The value that is hashed, "" for nobody."""
        return _text(self.attributes.get(HASH_ATTRIBUTE)) or _text(self.attributes.get(FALLBACK_ATTRIBUTE))


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm of one subject in one experiment. `bucket` is the hash in [0, 1), None where none was needed."""

    design: Design
    index: int
    why: Why
    bucket: float | None = None

    @property
    def arm_key(self) -> str:
        """The key of the arm."""
        return self.design.arms[self.index].key

    @property
    def payload(self) -> Any:
        """What the arm changes."""
        return self.design.arms[self.index].payload

    @property
    def participates(self) -> bool:
        """Whether the subject takes part: then seeing the arm is an exposure. All others get the default arm."""
        return self.why in PARTICIPATING

    @property
    def is_in_force(self) -> bool:
        """Whether the arm was chosen, by lot or by staff, and is no mere default."""
        return self.participates or self.why in ("ended", "ramped", "test_unit")


def subject_of(
    user_id: str | None,
    anonymous_id: str | None,
    *,
    attributes: Mapping[str, Any] | None = None,
    sticky: Mapping[str, StickyArm] | None = None,
    consents: bool = True,
) -> Subject:
    """Return the subject with these ids of the shop."""
    ids = {HASH_ATTRIBUTE: user_id or anonymous_id or "", FALLBACK_ATTRIBUTE: anonymous_id or ""}
    raw_ids = [f"user:{user_id}"] if user_id else []
    raw_ids += [f"anonymous:{anonymous_id}"] if anonymous_id else []
    return Subject({**(attributes or {}), **ids}, tuple(raw_ids), sticky or {}, consents)


def assign(design: Design, subject: Subject, live: LiveExperiments | None = None) -> Assignment:
    """Return the arm of a subject. `live` are all experiments: the hold-out and those that exclude this one.

    Without `live` the design stands alone. During a ramp nobody loses the arm that grows: who had it in an earlier
    epoch and would draw another one now keeps it, and is not counted.
    """
    fixed = _fixed(design, subject)
    if fixed is not None:
        return fixed
    sticky = subject.sticky.get(design.key)
    if sticky is not None and sticky.epoch == design.epoch and sticky.arm in design.arm_indexes:
        return Assignment(design, design.arm_indexes[sticky.arm], "sticky")
    lot = _lot(design, subject, live)
    if sticky is None or design.ramp_arm in (None, lot.index) or not design.keeps(sticky.epoch, sticky.arm):
        return lot
    return Assignment(design, design.arm_indexes[sticky.arm], "ramped", lot.bucket)


def assignments(live: LiveExperiments, subject: Subject) -> Iterator[Assignment]:
    """Yield the arm of a subject in each live experiment; the hold-out is not among them."""
    return (assign(design, subject, live) for design in live.designs)


def is_held_out(live: LiveExperiments, subject: Subject) -> bool:
    """Return whether the subject belongs to the permanent hold-out, which no other experiment may touch."""
    if live.holdout is None:
        return False
    return assign(live.holdout, subject).index == HELD_OUT


def passes(bucket_filter: BucketFilter, attributes: Mapping[str, Any]) -> bool:
    """Return whether the filter lets a subject with these attributes in; nobody without the filter's attribute."""
    value = _text(attributes.get(bucket_filter.attribute))
    return value != "" and choose_arm(hash_v2(bucket_filter.seed, value), bucket_filter.ranges) is not None


def _lot(design: Design, subject: Subject, live: LiveExperiments | None) -> Assignment:
    """Return the arm of a newcomer."""
    obstacle = _obstacle(design, subject, live)
    if obstacle is not None:
        return Assignment(design, design.default_arm, obstacle)
    bucket = hash_v2(design.seed, subject.hash_value)
    index = choose_arm(bucket, design.ranges)
    if index is None:
        return Assignment(design, design.default_arm, "coverage", bucket)
    return Assignment(design, index, "hash", bucket)


def _fixed(design: Design, subject: Subject) -> Assignment | None:
    """Return the arm that no lot decides about, or None."""
    if design.forced_arm is not None:
        return Assignment(design, design.forced_arm, "ended")
    for raw_id in subject.raw_ids if design.test_units else ():
        if raw_id in design.test_units:
            return Assignment(design, design.test_units[raw_id], "test_unit")
    if not subject.hash_value:
        return Assignment(design, design.default_arm, "no_id")
    if not subject.consents:
        return Assignment(design, design.default_arm, "no_consent")
    return None


def _obstacle(design: Design, subject: Subject, live: LiveExperiments | None) -> Why | None:
    """Return why a newcomer may not enter, or None."""
    if live is not None and design.kind != "holdout" and is_held_out(live, subject):
        return "held_out"
    if not all(passes(one, subject.attributes) for one in design.filters) or _is_taken(design, subject, live):
        return "namespace"
    if design.condition and not holds(design.condition, subject.attributes):
        return "condition"
    return None


def _is_taken(design: Design, subject: Subject, live: LiveExperiments | None) -> bool:
    """Return whether the subject takes part in another experiment of the namespace, from before a login."""
    if live is None or not design.namespace or not subject.sticky:
        return False
    return any(
        (sticky := subject.sticky.get(other.key)) is not None and other.keeps(sticky.epoch, sticky.arm)
        for other in live.by_namespace.get(design.namespace, ())
        if other.key != design.key
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
