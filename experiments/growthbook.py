"""The payload of GrowthBook's SDKs: which rules make them decide as `experiments.arms` does. Pure.

Rules of a flag are tried in order. First come the test units, then the experiment. A subject who has no `id` yet is
hashed by the anonymous id, in a rule of its own. SDKs without a sticky-bucket service ignore `fallbackAttribute`, and a
filter never falls back. The last rule lets in nobody new. It keeps the sticky arm of who would not pass the filters or
the condition any more, for instance after a login.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from experiments.arms import Assignment
from experiments.assignment import STEPS, hash_v2
from experiments.design import FALLBACK_ATTRIBUTE, HASH_ATTRIBUTE, BucketFilter, Design, LiveExperiments
from experiments.flags import flag_values

ConsentMode = Literal["yes", "no_refusal", "nothing"]
"""What a shopper must have said about the purpose `experiments`: yes, anything but no, or nothing at all."""
CONSENT: Final = "consent"
PURPOSE: Final = "experiments"
_CONSENT_CONDITIONS: Final[Mapping[ConsentMode, Mapping[str, Any]]] = {
    "yes": {f"{CONSENT}.{PURPOSE}": True},
    "no_refusal": {f"{CONSENT}.{PURPOSE}": {"$ne": False}},
    "nothing": {},
}
_WITHOUT_ID: Final = {"$or": [{HASH_ATTRIBUTE: {"$exists": False}}, {HASH_ATTRIBUTE: ""}]}
_UNIT_LOTS: Final = 3
"""A test unit is named by so many buckets of its hash: nobody reads the id, and one in 10^12 others shares them."""


def features_of(live: LiveExperiments, consent: ConsentMode) -> dict[str, Any]:
    """Return the flags that an SDK can decide locally, by the key of the experiment."""
    return {
        design.key: _feature(design, live, consent)
        for design in live.designs
        if design.forced_arm is not None or not design.server_only
    }


def evaluated(assignment: Assignment, *, attribute: str, value: str) -> dict[str, Any]:
    """Return the flag as remote evaluation answers it: the value forced, with the exposure that the SDK reports.

    `attribute` and `value` say what was hashed. Who takes no part gets the default, without an exposure.
    """
    design, values = assignment.design, flag_values(assignment.design)
    default = values[design.default_arm]
    if not assignment.is_in_force:
        return {"defaultValue": default, "rules": []}
    rule: dict[str, Any] = {"force": values[assignment.index]}
    if assignment.participates:
        rule["tracks"] = [_track(assignment, values, attribute=attribute, value=value)]
    return {"defaultValue": default, "rules": [rule]}


def _track(assignment: Assignment, values: tuple[Any, ...], *, attribute: str, value: str) -> dict[str, Any]:
    design, arm = assignment.design, assignment.design.arms[assignment.index]
    result = {
        "key": arm.key,
        "name": arm.name,
        "variationId": assignment.index,
        "inExperiment": True,
        "hashUsed": True,
        "hashAttribute": attribute,
        "hashValue": value,
        "value": values[assignment.index],
        "featureId": design.key,
        "stickyBucketUsed": assignment.why == "sticky",
    }
    if assignment.bucket is not None:
        result["bucket"] = assignment.bucket
    return {"experiment": {"key": design.key, "variations": list(values), "meta": _meta(design)}, "result": result}


def _feature(design: Design, live: LiveExperiments, consent: ConsentMode) -> dict[str, Any]:
    values = flag_values(design)
    if design.forced_arm is not None:
        winner = values[design.forced_arm]
        return {"defaultValue": winner, "rules": [{"force": winner}]}
    return {"defaultValue": values[design.default_arm], "rules": [*_unit_rules(design), *_rules(design, live, consent)]}


def _rules(design: Design, live: LiveExperiments, consent: ConsentMode) -> Iterator[dict[str, Any]]:
    consent_condition, filters = _CONSENT_CONDITIONS[consent], live.filters_of(design)
    rule = _rule(design)
    yield rule | _restricted(filters, HASH_ATTRIBUTE, design.condition, consent_condition)
    by_device = {name: value for name, value in rule.items() if name != "fallbackAttribute"}
    by_device["hashAttribute"] = FALLBACK_ATTRIBUTE
    yield by_device | _restricted(filters, FALLBACK_ATTRIBUTE, _WITHOUT_ID, design.condition, consent_condition)
    if filters or design.condition:
        yield rule | {"coverage": 0} | _restricted((), HASH_ATTRIBUTE, consent_condition)


def _rule(design: Design) -> dict[str, Any]:
    return {
        "key": design.key,
        "name": design.name or design.key,
        "seed": design.seed,
        "hashAttribute": HASH_ATTRIBUTE,
        "fallbackAttribute": FALLBACK_ATTRIBUTE,
        "hashVersion": 2,
        "variations": list(flag_values(design)),
        "weights": [arm.weight for arm in design.arms],
        "coverage": design.coverage,
        "meta": _meta(design),
        "phase": str(design.epoch),
        "bucketVersion": design.epoch,
        "minBucketVersion": 0,
    }


def _meta(design: Design) -> list[dict[str, str]]:
    return [{"key": arm.key, "name": arm.name} for arm in design.arms]


def _restricted(
    filters: tuple[BucketFilter, ...], attribute: str, *conditions: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]] | Mapping[str, Any]]:
    """Return the fields of a rule that say who may enter: the filters, by this attribute, and all conditions."""
    result: dict[str, Any] = {}
    if filters:
        result["filters"] = [_filter(one.seed, one.ranges, attribute) for one in filters]
    restrictions = [condition for condition in conditions if condition]
    if restrictions:
        result["condition"] = restrictions[0] if len(restrictions) == 1 else {"$and": restrictions}
    return result


def _filter(seed: str, ranges: tuple[tuple[float, float], ...], attribute: str) -> dict[str, Any]:
    return {"seed": seed, "ranges": [list(pair) for pair in ranges], "hashVersion": 2, "attribute": attribute}


def _unit_rules(design: Design) -> Iterator[dict[str, Any]]:
    """Yield the rules of test units: the arm forced, users first. An anonymous id may stand in `id` too."""
    values = flag_values(design)
    for kind, attributes in (("user", (HASH_ATTRIBUTE,)), ("anonymous", (FALLBACK_ATTRIBUTE, HASH_ATTRIBUTE))):
        for raw_id, index in design.test_units.items():
            name, _, value = raw_id.partition(":")
            for attribute in attributes if name == kind else ():
                yield {"force": values[index], "filters": _unit_filters(design, value, attribute)}


def _unit_filters(design: Design, value: str, attribute: str) -> list[dict[str, Any]]:
    seeds = [f"{design.seed}:unit{number}" for number in range(_UNIT_LOTS)]
    buckets = [round(hash_v2(seed, value) * STEPS) for seed in seeds]
    return [
        _filter(seed, ((bucket / STEPS, (bucket + 1) / STEPS),), attribute)
        for seed, bucket in zip(seeds, buckets, strict=True)
    ]
