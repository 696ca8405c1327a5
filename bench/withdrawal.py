"""How soon a withdrawal holds: answers, keys in Redis, segments, while other shoppers look at products.

    make bench-withdrawal ARGS="--shoppers 20"

A fresh installation with a released model, web worker and consumers, as in production. Each shopper looks at products,
is in a segment, and gets a `home` that differs from an anonymous shopper's; then the shop writes a no to
`personalization` and `train_models`. The clock starts when that request is sent. A condition counts from when it held
for good: it is looked at for five seconds, and once more at the end, after everybody's segments were determined anew.
Figures go to `bench/results/withdrawal.json`, beside the bars.
"""

import argparse
import http.client
import json
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any, Final

from bench._results import write_results
from bench._stage import Stage, until
from bench.freshness import call
from bench.live_counts import Client, keep_busy, open_shop

BARS_S: Final = {"answer": 1.0, "redis": 5.0, "segment": 60.0}
"""Seconds until the answer equals that of an anonymous shopper, until Redis holds only marks of the refusal under names
of the shopper, and until the shopper is in no segment.
"""
REFUSAL_KEYS: Final = frozenset({"v:c:", "v:x:", "v:k:x:", "v:s:"})
"""Starts of the keys that a refusal leaves: the decisions, since when history is refused, and the count of changes."""
PERSONAL_KEYS: Final = frozenset({"v:h:", "v:g:", "v:log:latest:"})
"""Starts of keys that a shopper must have before: history, segments, the latest entries of the log."""
YES: Final = dict.fromkeys(("analytics", "personalization", "train_models"), True)
NO: Final = {"personalization": False, "train_models": False}
SEGMENT: Final = "viewers"
LOAD_PER_S: Final = 50.0
PATIENCE_S: Final = 60.0
WATCH_S: Final = 5.0
SCOPES: Final = ("recommendations:read", "events:write", "consents:read", "consents:write")


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shoppers", type=int, default=20)
    parser.add_argument("--products", type=int, default=1_000)
    parser.add_argument("--others", type=int, default=500, help="shoppers that the model learns from")
    options = parser.parse_args()
    with open_shop(options.products, options.others, scopes=SCOPES) as (it, key):
        figures = measured(it, key, options)
    print(json.dumps(figures, indent=1))
    write_results("withdrawal", figures)
    return 0 if figures["within_bars"] else 1


def measured(it: Stage, key: str, options: Namespace) -> dict[str, Any]:
    """Return the worst and the median seconds of each bar, and the starts of the keys at both ends."""
    from profiles.services.segment_fill import determine_all
    from profiles.services.segments import create_segment

    create_segment(key=SEGMENT, name="Viewers", rule={"event": "view", "times": 1}, actor="system:bench")
    load = Namespace(rate=LOAD_PER_S, products=options.products)
    stop = threading.Event()
    background = threading.Thread(target=keep_busy, args=(Client(it, key), load, stop))
    background.start()
    try:
        shoppers = [Shopper(it, key, f"shopper-{number:04}") for number in range(options.shoppers)]
        runs = [one.withdraw() for one in shoppers]
        determine_all(lambda step, share: None)
        for one, run in zip(shoppers, runs, strict=True):
            run |= {name: float("inf") for name, holds in one.conditions.items() if not is_soon(holds)}
    finally:
        stop.set()
        background.join()
    seconds = {name: sorted(run[name] for run in runs) for name in BARS_S}
    return {
        "shoppers": options.shoppers,
        "other_views_per_s": LOAD_PER_S,
        "bars_s": BARS_S,
        "worst_s": {name: round(ordered[-1], 3) for name, ordered in seconds.items()},
        "median_s": {name: round(ordered[len(ordered) // 2], 3) for name, ordered in seconds.items()},
        "keys_before": sorted({start for run in runs for start in run["keys_before"]}),
        "keys_left": sorted({start for one in shoppers for start in one.starts_of_keys()}),
        "within_bars": all(ordered[-1] <= BARS_S[name] for name, ordered in seconds.items()),
    }


class Shopper:
    """One shopper of the shop, seen from outside by the shop's id, and in Redis by the pseudonym."""

    def __init__(self, it: Stage, key: str, user_id: str) -> None:
        from common.pseudonyms import subject_pseudonym

        self.user_id, self.subject = user_id, subject_pseudonym(f"user:{user_id}")
        self._connection = http.client.HTTPConnection("127.0.0.1", int(it.environment["PORT"]), timeout=30)
        self._key = key
        self.conditions: Mapping[str, Callable[[], bool]] = {
            "answer": lambda: self.home() == self.anonymous_home(),
            "redis": lambda: set(self.starts_of_keys()) <= REFUSAL_KEYS,
            "segment": lambda: not self.is_member(),
        }

    def withdraw(self) -> dict[str, Any]:
        """Make the shopper known, withdraw; return the seconds until each condition held for good, and the keys before.

        Raises TimeoutError where the shop never personalized: then a withdrawal would show nothing.
        """
        for number in range(3):
            self._ask("POST", "/v1/track", {
                "event": "Product Viewed", "userId": self.user_id, "messageId": f"{self.user_id}-{number}",
                "context": {"consent": {"categoryPreferences": YES}},
                "properties": {"product_id": f"P{number:05d}"}})  # fmt: skip
        until(self.is_member, seconds=PATIENCE_S, what=f"{self.user_id} in the segment")
        until(self.is_personalized, seconds=PATIENCE_S, what="a personal answer that differs from an anonymous one")
        keys_before = self.starts_of_keys()
        if missing := PERSONAL_KEYS - set(keys_before):
            raise RuntimeError(f"{self.user_id} has no key {sorted(missing)}: a withdrawal would show nothing")
        began = time.perf_counter()
        self._ask("PUT", f"/api/v1/consents/user:{self.user_id}", {"decisions": NO, "source": "bench"})
        seconds = seconds_until(self.conditions, began)
        self._connection.close()  # the server ends one that is idle until the last look
        return {**seconds, "keys_before": keys_before}

    def is_personalized(self) -> bool:
        """Return whether the answer is the shopper's own, and differs from an anonymous shopper's."""
        is_own, items = self.home()
        return is_own and bool(items) and items != self.anonymous_home()[1]

    def home(self) -> tuple[bool, list[str]]:
        """Return whether the answer is personalized, and its products."""
        return self._items(f"user_id={self.user_id}")

    def anonymous_home(self) -> tuple[bool, list[str]]:
        """Return that of a shopper without a name."""
        return self._items("personalized=false")

    def starts_of_keys(self) -> list[str]:
        """Return the starts of the Redis keys whose name holds the shopper's pseudonym."""
        from common import redis

        names = redis.client().scan_iter(f"*{self.subject}*", count=5000)
        return sorted({one.decode().partition(self.subject)[0] for one in names})

    def is_member(self) -> bool:
        """Return whether the store of segments lists the shopper."""
        from common import redis
        from profiles.keys import MEMBERS

        return redis.client().zscore(f"{MEMBERS}{SEGMENT}", self.subject) is not None

    def _items(self, query: str) -> tuple[bool, list[str]]:
        body = self._ask("GET", f"/api/v1/recommendations/home?{query}")
        return bool(body["personalized"]), [one["product_id"] for one in body["items"]]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a good answer. Raises RuntimeError for any other."""
        text = None if body is None else json.dumps(body)
        status, content = call(self._connection, self._key, method, path, text)
        if status != 200:
            raise RuntimeError(f"{method} {path} was answered {status}: {content[:300]!r}")
        return json.loads(content)


def seconds_until(
    conditions: Mapping[str, Callable[[], bool]],
    began: float,
    *,
    watch_s: float = WATCH_S,
    patience_s: float = PATIENCE_S,
) -> dict[str, float]:
    """Return from when on each condition held, in seconds since `began`; infinity where it did not in time.

    Looks for `watch_s` at least: what held once and holds no more counts from when it holds again.
    """
    seconds: dict[str, float] = {}
    while (elapsed := time.perf_counter() - began) < patience_s:
        if elapsed >= watch_s and len(seconds) == len(conditions):
            break
        for name, holds in conditions.items():
            if not is_soon(holds):
                seconds.pop(name, None)
            elif name not in seconds:
                seconds[name] = time.perf_counter() - began
        time.sleep(0.01)
    return {name: seconds.get(name, float("inf")) for name in conditions}


def is_soon(holds: Callable[[], bool], *, looks: int = 3) -> bool:
    """Return whether the condition holds within a few looks.

    Two answers are equal only if no other shopper's view changed the counts between them.
    """
    return any(holds() for _ in range(looks))


if __name__ == "__main__":
    sys.exit(main())
