"""An experiment as assignment and wires read it: frozen records without a database. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

from experiments.assignment import bucket_ranges

Kind = Literal["comparison", "holdout"]
Status = Literal["draft", "running", "stopped", "shipped", "archived"]
LIVE_STATUSES: Final[tuple[Status, ...]] = ("running", "stopped", "shipped")
"""The statuses in which an experiment decides what shoppers get."""
HASH_ATTRIBUTE: Final = "id"
FALLBACK_ATTRIBUTE: Final = "anonymous_id"
HELD_OUT: Final = 0
PERSONALIZED: Final = 1
"""The arms of a hold-out. Its control gets no personalization."""
SERVER_ATTRIBUTES: Final = frozenset({"segments", "traits", "attributes", "consent"})
"""Attributes that the server alone knows. A condition on one of them keeps the experiment from local SDKs."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One variation. `payload` is JSON; `levels` names the level of each factor of a multivariate design."""

    key: str
    name: str
    weight: float
    payload: Any = None
    levels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BucketFilter:
    """Lets the buckets of its ranges pass, by a seed of its own. Ranges are half open, in [0, 1)."""

    seed: str
    ranges: tuple[tuple[float, float], ...]
    attribute: str = HASH_ATTRIBUTE


@dataclass(frozen=True)
class Design:
    """One experiment. The first arm is the control.

    `epoch` counts the weights that were tried; a weight step starts the next one. `forced_arm` is the index of the arm
    that everybody gets: the winner after shipping, the control after stopping. `ramp_arm` is the index of the arm on
    its way to everybody, which nobody loses who has it. `test_units` maps raw ids (`user:ID`, `anonymous:ID`) to the
    index of an arm, for staff who want to see it. `condition` is a targeting condition in GrowthBook's grammar.
    `targets` names what the payloads change; their room gives the names their meaning.
    """

    key: str
    seed: str
    arms: tuple[Arm, ...]
    name: str = ""
    kind: Kind = "comparison"
    status: Status = "running"
    epoch: int = 1
    coverage: float = 1.0
    namespace: str = ""
    filters: tuple[BucketFilter, ...] = ()
    condition: Mapping[str, Any] = field(default_factory=dict)
    payload_kind: str = ""
    targets: frozenset[str] = frozenset()
    forced_arm: int | None = None
    ramp_arm: int | None = None
    test_units: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def ranges(self) -> list[tuple[float, float]]:
        """The half-open range of buckets of each arm."""
        return bucket_ranges([arm.weight for arm in self.arms], self.coverage)

    @property
    def default_arm(self) -> int:
        """The index of the arm of everybody outside the experiment. Outside a hold-out all are personalized."""
        return PERSONALIZED if self.kind == "holdout" else 0

    @cached_property
    def arm_indexes(self) -> dict[str, int]:
        """The index of each arm by its key."""
        return {arm.key: index for index, arm in enumerate(self.arms)}

    @cached_property
    def server_only(self) -> bool:
        """Whether the condition reads what only the server knows."""
        return bool(roots_of(self.condition) & SERVER_ATTRIBUTES)

    def keeps(self, epoch: int, arm: str) -> bool:
        """Return whether who got this arm in this epoch has it still, whatever the hash says."""
        return epoch == self.epoch or (self.ramp_arm is not None and self.arms[self.ramp_arm].key == arm)

    @property
    def outside_filter(self) -> BucketFilter:
        """Of a hold-out: the filter that lets everybody else into experiments."""
        low, high = self.ranges[HELD_OUT]
        return BucketFilter(self.seed, tuple(one for one in ((0.0, low), (high, 1.0)) if one[0] < one[1]))


def roots_of(condition: Any) -> frozenset[str]:
    """Return the first names of all attributes that a condition reads."""
    if isinstance(condition, list):
        return frozenset[str]().union(*map(roots_of, condition))
    if not isinstance(condition, Mapping):
        return frozenset()
    names = {name.partition(".")[0] for name in condition if not name.startswith("$")}
    inner = (value for name, value in condition.items() if name in ("$or", "$nor", "$and", "$not"))
    return frozenset(names).union(*map(roots_of, inner))


@dataclass(frozen=True)
class LiveExperiments:
    """The experiments that decide what shoppers get, in order of their keys, and the hold-out if there is one."""

    designs: tuple[Design, ...] = ()
    holdout: Design | None = None

    @cached_property
    def by_key(self) -> dict[str, Design]:
        """The designs by key, the hold-out among them."""
        return {one.key: one for one in (*self.designs, *(() if self.holdout is None else (self.holdout,)))}

    @cached_property
    def by_target(self) -> dict[str, tuple[Design, ...]]:
        """The designs with a registered payload kind, by what they change."""
        names = sorted({target for one in self.designs for target in one.targets})
        return {name: tuple(one for one in self.designs if name in one.targets) for name in names}

    @cached_property
    def by_namespace(self) -> dict[str, tuple[Design, ...]]:
        """The running designs of each namespace, which exclude each other."""
        running = [one for one in self.designs if one.namespace and one.forced_arm is None]
        return {
            name: tuple(one for one in running if one.namespace == name)
            for name in {design.namespace for design in running}
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing is experimented on."""
        return not self.designs and self.holdout is None

    @cached_property
    def decides_answers(self) -> bool:
        """Whether any answer of ours depends on an experiment."""
        return bool(self.by_target) or self.holdout is not None

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes that only the server knows and that the conditions of `by_target` read."""
        designs = {one.key: one for many in self.by_target.values() for one in many}
        roots = (roots_of(one.condition) for one in designs.values())
        return SERVER_ATTRIBUTES & frozenset[str]().union(*roots)

    def filters_of(self, design: Design) -> tuple[BucketFilter, ...]:
        """Return the filters that an SDK must apply: the design's namespace, and the hold-out."""
        if self.holdout is None or self.holdout.forced_arm is not None:
            return design.filters
        return (*design.filters, self.holdout.outside_filter)
