"""Segments: clusters beside offline k-means, names over refits, size of a new rule, many who leave together.

The stores are those of a fresh installation. Profiles are written into Redis as the profiler writes them; each shopper
looked at, carted and perhaps bought some of 2,000 products. `--profiles 1000000` is the size of the promise.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench._stage import ROOT, stage

RESULT: Final = ROOT / "bench" / "results" / "segments.json"
N_PRODUCTS: Final = 2_000
GROUPS: Final = 6
MINUTE: Final = 60_000_000
RULE: Final = {
    "all": [
        {"event": "view", "times": 3, "within": "30 days", "category": "Category 1"},
        {"any": [{"event": "purchase", "times": 1}, {"trait": "active_days", "is": "at_least", "value": 4}]},
    ]
}
LEAVING: Final = {"event": "view", "times": 1, "within": "5 minutes", "product": "leaving"}


def planted(n: int, *, seed: int, centers_seed: int = 3) -> tuple[Any, Any]:
    """Return rows around overlapping centers, and the center of each: `float64[n, n_features]`, `int64[n]`."""
    from profiles.segments.online.features import FEATURES

    width = len(FEATURES)
    centers = np.random.default_rng(centers_seed).normal(0, 1.5, (GROUPS, width))
    random = np.random.default_rng(seed)
    truth = random.choice(GROUPS, n, p=np.arange(1, GROUPS + 1) / sum(range(1, GROUPS + 1)))
    return (centers[truth] + random.normal(0, 1, (n, width))) * np.logspace(-1, 2, width), truth


def clusters(n: int) -> dict[str, float]:
    """Return the adjusted Rand indices against the plant: offline k-means on all rows, both engines in batches."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    from profiles.segments.online.clustering import ENGINES, learn, one_thread, start
    from profiles.segments.online.features import FEATURES
    from profiles.segments.online.number import best_number, silhouettes
    from profiles.segments.online.scale import Scale

    rows, truth = planted(n, seed=1)
    standard = Scale.of(rows).standardized(rows)
    with one_thread():
        offline = adjusted_rand_score(truth, KMeans(GROUPS, n_init=10, random_state=0).fit_predict(standard))
    result = {
        "offline_ari": offline,
        "planted_groups": GROUPS,
        "chosen_number": best_number(silhouettes(standard, seed=0)),
    }
    for engine in ENGINES:
        clustering = start(rows[:1000], FEATURES, n_clusters=GROUPS, engine=engine, seed=1)
        for first in range(1000, n, 1000):
            clustering = learn(clustering, rows[first : first + 1000], seed=1)
        result[f"{engine}_ari"] = adjusted_rand_score(truth, clustering.assign(rows))
        result[f"{engine}_over_offline"] = result[f"{engine}_ari"] / offline
    return result


def names(n: int) -> float:
    """Return the share of a fixed group of shoppers whose segment has the same name after ten refits.

    Each refit sees other shoppers of the same behavior, and may choose another number of clusters.
    """
    from profiles.segments.online.clustering import learn, start, with_clusters
    from profiles.segments.online.features import FEATURES
    from profiles.segments.online.identity import keys_after, matches
    from profiles.segments.online.number import best_number, silhouettes

    panel, _ = planted(n, seed=99)
    first, _ = planted(n, seed=100)
    clustering = start(first, FEATURES, n_clusters=GROUPS, engine="kmeans", seed=1)
    keys, next_key = list(range(GROUPS)), GROUPS
    origin = np.asarray(keys)[clustering.assign(panel)]
    for refit in range(10):
        rows, _ = planted(n, seed=101 + refit)
        before = clustering
        for start_row in range(0, n, 1000):
            clustering = learn(clustering, rows[start_row : start_row + 1000], seed=refit)
        scores = silhouettes(clustering.scale.standardized(rows), seed=refit)
        number = best_number(scores, current=clustering.n_clusters)
        if number != clustering.n_clusters:
            clustering = with_clusters(clustering, rows, n_clusters=number, seed=refit)
        old_of = matches(
            before.assign(rows),
            clustering.assign(rows),
            n_before=before.n_clusters,
            n_after=clustering.n_clusters,
        )
        keys = keys_after(keys, old_of, next_key=next_key)
        next_key = max(next_key, *(key + 1 for key in keys))
    return float(np.mean(np.asarray(keys)[clustering.assign(panel)] == origin))


def write_catalog() -> None:
    """Write the products."""
    from catalog.services import bulk_upsert

    rows = [
        {
            "product_id": f"P{n}",
            "title": f"P{n}",
            "currency": "EUR",
            "price": f"{1 + n % 97}.00",
            "category": [f"Category {n % 12}"],
        }
        for n in range(N_PRODUCTS)
    ]
    for first in range(0, N_PRODUCTS, 500):
        bulk_upsert(rows[first : first + 500], actor="system:bench")


def write_profiles(count: int, *, per_shopper: int) -> float:
    """Write so many profiles, each with about `per_shopper` interactions; return the seconds."""
    from common import clock, redis
    from consents import cache
    from events.types.base import Interaction
    from profiles import history, keys

    began, now, random = time.perf_counter(), clock.epoch_us(), np.random.default_rng(5)
    client = redis.client()
    for first in range(0, count, 2_000):
        pipe = client.pipeline(transaction=False)
        subjects = [f"user:u{number}" for number in range(first, min(count, first + 2_000))]
        for subject in subjects:
            n = int(random.integers(1, 2 * per_shopper))
            taste = int(random.integers(0, 12))
            rows: dict[str, dict[bytes, int]] = {keys.BROWSED: {}, keys.LASTING: {}}
            for at in range(n):
                age = int(random.exponential(20 * 86_400_000_000))
                product = f"P{12 * int(random.integers(0, N_PRODUCTS // 12)) + taste}"
                signal: Any = "purchase" if random.random() < 0.08 else "cart" if random.random() < 0.15 else "view"
                one = Interaction(
                    f"{subject}-{at}",
                    now - age,
                    signal,
                    product,
                    price=9.9,
                    order_id=f"o{subject}{at}" if signal == "purchase" else None,
                )
                rows[keys.LASTING if signal in history.LASTING else keys.BROWSED][history.member(one, line=0)] = one.at
            for prefix, members in rows.items():
                if members:
                    pipe.zadd(f"{prefix}{subject}", members)
            pipe.set(f"{keys.STATE}{subject}", n)
            pipe.hset(cache.key(subject), mapping={"personalization": "1|1|x", "analytics": "1|1|x"})
        pipe.sadd(keys.SUBJECTS, *subjects)
        pipe.execute()
    return time.perf_counter() - began


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what the work returns, its seconds, and the seconds of CPU of this process."""
    began, used = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - began, time.process_time() - used


def rule_sizes() -> dict[str, Any]:
    """Return estimate and exact size of the rule, and the seconds of each."""
    from profiles.models import SegmentJob
    from profiles.segments.rules.parsing import parse
    from profiles.services.segment_estimates import count, estimate

    node = parse(RULE)
    guess, estimate_s, _ = timed(lambda: estimate(node))
    exact, exact_s, exact_cpu_s = timed(lambda: count(SegmentJob(rule=RULE), lambda step, share: None))
    return {
        "estimate": guess.members,
        "estimate_interval": [guess.low, guess.high],
        "estimate_s": estimate_s,
        "exact": exact["members"],
        "exact_s": exact_s,
        "exact_cpu_s": exact_cpu_s,
        "profiles": exact["profiles"],
    }


def leaving(count: int) -> dict[str, float]:
    """Return the seconds in which so many shoppers leave a segment whose time ends at one moment."""
    from common import clock, redis
    from events.log import get_log
    from events.types.base import Event
    from profiles import keys, services
    from profiles.segmenter import Segmenter
    from profiles.selectors.segments import sizes
    from profiles.services.segments import create_segment

    create_segment(key="leaving", name="Leaving", rule=LEAVING, actor="system:bench")
    at = clock.epoch_us()
    events = [
        Event(
            f"l{n}",
            "track",
            "Product Viewed",
            at=at,
            received_at=at,
            user_id=f"u{n}",
            properties={"product_id": "leaving"},
            allowed=("personalization",),
        )
        for n in range(count)
    ]
    for first in range(0, count, 250):
        services.apply_events(events[first : first + 250], offsets={})
    shards, segmenter = range(get_log().shards), Segmenter()

    def until(members: int) -> None:
        while sizes(["leaving"])["leaving"] != members:
            segmenter.work(shards)

    _, enter_s, _ = timed(lambda: until(count))
    real = clock.epoch_us
    clock.epoch_us = lambda: real() + 6 * MINUTE
    try:
        _, leave_s, leave_cpu_s = timed(lambda: until(0))
    finally:
        clock.epoch_us = real
    n_events = sum(get_log().backlog(shard, 0) for shard in shards)
    redis.client().delete(keys.FLOWS)
    return {
        "leaving": count,
        "enter_together_s": enter_s,
        "leave_together_s": leave_s,
        "leave_together_cpu_s": leave_cpu_s,
        "events": n_events,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run all and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=50_000)
    parser.add_argument("--interactions", type=int, default=10, help="of a shopper, on average")
    parser.add_argument("--leaving", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=20_000, help="for the clusters")
    parser.add_argument("--only", choices=("clusters", "stores"))
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    if options.only != "stores":
        figures |= clusters(options.rows)
        figures["names_kept"] = names(options.rows // 4)
        show(figures)
    if options.only != "clusters":
        with stage() as it:
            os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings"})
            import django

            django.setup()
            from django.db import connections

            write_catalog()
            before = used_memory()
            figures["written_s"] = write_profiles(options.profiles, per_shopper=options.interactions)
            figures["bytes_per_profile"] = round((used_memory() - before) / options.profiles)
            figures |= rule_sizes()
            show(figures)
            figures |= leaving(min(options.leaving, options.profiles))
            connections.close_all()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    show(figures)
    print(f"written to {Path(RESULT).relative_to(ROOT)}")
    return 0


def show(figures: dict[str, Any]) -> None:
    """Print the figures so far."""
    print(json.dumps({name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}))


def used_memory() -> int:
    """Return the bytes that the store of profiles uses."""
    from common import redis

    return int(redis.client().info("memory")["used_memory"])


if __name__ == "__main__":
    sys.exit(main())
