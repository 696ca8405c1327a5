"""How soon a withdrawal holds: answers, keys in Redis, segments, while other shoppers keep the server busy.

    make bench-withdrawal ARGS="--shoppers 20"

A fresh installation with web worker and consumers, as in production. Each shopper looks at products, is answered
personally and is in a segment; then the shop writes a no to `personalization` and `train_models`. The clock of each
starts when that request is sent. Figures go to `bench/results/withdrawal.json`, beside the bars.
"""

import argparse
import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from bench._results import write_results
from bench._stage import Stage, stage, until
from bench.freshness import PRODUCTS, call, keep_busy

BARS_S: Final = {"answer": 1.0, "redis": 5.0, "segment": 60.0}
"""Seconds until the answer equals that of an anonymous shopper, until Redis holds only marks of the refusal under names
of the shopper, and until the shopper is in no segment.
"""
REFUSAL_KEYS: Final = ("v:c:", "v:x:", "v:k:x:", "v:s:")
"""Starts of the keys that a refusal leaves: the decisions, since when history is refused, and the count of changes."""
LOG_NAMES: Final = "v:log:latest:"
"""Start of the key that names a subject's latest entries of the log. It expires by itself and holds no history; the
figures list it under `keys_left`."""
YES: Final = dict.fromkeys(("analytics", "personalization", "train_models"), True)
NO: Final = {"personalization": False, "train_models": False}
SEGMENT: Final = "viewers"
LOAD_PER_S: Final = 50.0
PATIENCE_S: Final = 90.0
SCOPES: Final = ("recommendations:read", "events:write", "consents:read", "consents:write")


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shoppers", type=int, default=20)
    options = parser.parse_args()
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        it.environment["KEY_RATE_SECRET"] = "100000000/minute"
        key = shop()
        it.run("consumer", sys.executable, "manage.py", "consume")
        it.serve()
        figures = measured(it, key, shoppers=options.shoppers)
    print(json.dumps(figures, indent=1))
    write_results("withdrawal", figures)
    return 0 if figures["within_bars"] else 1


def shop() -> str:
    """Fill the catalog, define the segment of all who viewed something, and return a secret key."""
    import django

    django.setup()
    from access.services import create_key
    from catalog.services import bulk_upsert
    from profiles.services.segments import create_segment

    rows = [
        {"product_id": f"P{number}", "title": f"Thing {number}", "price": "9.90", "currency": "EUR"}
        for number in range(PRODUCTS)
    ]
    bulk_upsert(rows, actor="system:bench")
    create_segment(key=SEGMENT, name="Viewers", rule={"event": "view", "times": 1}, actor="system:bench")
    return create_key(kind="sk", name="bench", scopes=list(SCOPES))[1]


def measured(it: Stage, key: str, *, shoppers: int) -> dict[str, Any]:
    """Return the worst and the median seconds of each bar, and the starts of the keys that stayed."""
    port = int(it.environment["PORT"])
    stop = threading.Event()
    background = threading.Thread(target=keep_busy, args=(port, key, LOAD_PER_S, stop))
    background.start()
    try:
        runs = [withdraw(port, key, f"shopper-{number:04}") for number in range(shoppers)]
    finally:
        stop.set()
        background.join()
    seconds = {name: sorted(run[name] for run in runs) for name in BARS_S}
    return {
        "shoppers": shoppers,
        "load_per_s": LOAD_PER_S,
        "bars_s": BARS_S,
        "worst_s": {name: round(ordered[-1], 3) for name, ordered in seconds.items()},
        "median_s": {name: round(ordered[len(ordered) // 2], 3) for name, ordered in seconds.items()},
        "keys_before": sorted({start for run in runs for start in run["keys_before"]}),
        "keys_left": sorted({start for run in runs for start in run["keys_left"]}),
        "within_bars": all(ordered[-1] <= BARS_S[name] for name, ordered in seconds.items()),
    }


def withdraw(port: int, key: str, name: str) -> dict[str, Any]:
    """Make a shopper known, withdraw, and return the seconds until each effect with the starts of keys at both ends."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(3):
        event = {"event": "Product Viewed", "userId": name, "messageId": f"{name}-{number}",
                 "context": {"consent": {"categoryPreferences": YES}},
                 "properties": {"product_id": f"P{number}"}}  # fmt: skip
        ask(connection, key, "POST", "/v1/track", event)
    until(lambda: is_member(name), seconds=PATIENCE_S, what=f"{name} in the segment")
    until(lambda: bool(items_of(connection, key, f"user_id={name}")[0]), seconds=PATIENCE_S, what="a personal answer")
    before = starts_of_keys(name)
    began = time.perf_counter()
    ask(connection, key, "PUT", f"/api/v1/consents/user:{name}", {"decisions": NO, "source": "bench"})
    seconds = seconds_until(
        {
            "answer": lambda: (
                items_of(connection, key, f"user_id={name}") == items_of(connection, key, "personalized=false")
            ),
            "redis": lambda: set(starts_of_keys(name)) <= {*REFUSAL_KEYS, LOG_NAMES},
            "segment": lambda: not is_member(name),
        },
        began,
    )
    return {**seconds, "keys_before": before, "keys_left": starts_of_keys(name)}


def seconds_until(conditions: dict[str, Callable[[], bool]], began: float) -> dict[str, float]:
    """Return when each condition held first, in seconds since `began`; infinity where it never did in time."""
    seconds: dict[str, float] = {}
    while len(seconds) < len(conditions) and time.perf_counter() - began < PATIENCE_S:
        for name, holds in conditions.items():
            if name not in seconds and holds():
                seconds[name] = time.perf_counter() - began
        time.sleep(0.01)
    return {name: seconds.get(name, float("inf")) for name in conditions}


def items_of(connection: http.client.HTTPConnection, key: str, query: str) -> tuple[bool, list[str]]:
    """Return whether an answer of the placement `recent` is personal, and its products."""
    body = ask(connection, key, "GET", f"/api/v1/recommendations/recent?{query}")
    return bool(body["personalized"]), [one["product_id"] for one in body["items"]]


def ask(connection: http.client.HTTPConnection, key: str, method: str, path: str, body: Any = None) -> Any:
    """Return the JSON of a good answer. Raises RuntimeError for any other."""
    status, content = call(connection, key, method, path, None if body is None else json.dumps(body))
    if status != 200:
        raise RuntimeError(f"{method} {path} was answered {status}: {content[:300]!r}")
    return json.loads(content)


def starts_of_keys(name: str) -> list[str]:
    """Return the starts of the Redis keys whose name holds the shopper's id."""
    from common import redis

    return sorted(
        {one.decode().partition("user:")[0] for one in redis.client().scan_iter(f"*user:{name}*", count=5000)}
    )


def is_member(name: str) -> bool:
    """Return whether the store of segments lists the shopper."""
    from common import redis
    from profiles.keys import MEMBERS

    return redis.client().zscore(f"{MEMBERS}{SEGMENT}", f"user:{name}") is not None


if __name__ == "__main__":
    sys.exit(main())
