"""From a change to its effect in answers: a rule's edit, a new product, a segment entered or left by time alone.

    make bench-changes ARGS="--tries 20"

A fresh installation with a web worker and consumers, and a released model. Rules and products are written by their
services, as the admin and the API do; events are sent by POST. The answer is asked for every 20 ms until it follows.
Leaving is measured from the moment at which an event grows older than the segment's minute. Figures go to
`bench/results/changes.json`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bench._results import write_results
from bench._stage import Stage
from bench.live_counts import Client, add_products, open_shop, shows, summary

PINNED: Final = "pinned"
WINDOW_SECONDS: Final = 60


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--shoppers", type=int, default=2_000, help="that the model learns from")
    options = parser.parse_args()
    with open_shop(options.products, options.shoppers) as (it, key):
        figures = measured(it, key, options.tries)
    print(json.dumps(figures, indent=1))
    write_results("changes", figures)
    return 0


def measured(it: Stage, key: str, tries: int) -> dict[str, Any]:
    """Return the seconds from each kind of change to its effect."""
    client = Client(it, key)
    client.send([("warm", "P00000")])
    time.sleep(3)
    figures = {"rule_edit": rule_edits(client, tries), "new_product": new_products(client, tries)}
    figures["segment_entered"], figures["segment_left"] = segment_changes(partial(Client, it, key), tries)
    return {name: summary(seconds) for name, seconds in figures.items()}


def rule_edits(client: Client, tries: int) -> list[float]:
    """Return the seconds from an edit of a pin to its product in the first place."""
    from personalization.services.rules import create_rule, edit_rule

    wording = {"effect": "pin", "position": 1, "placements": ["trending"], "products": ["P00001"]}
    rule = create_rule(name="Pin", wording=wording, actor="system:bench")
    client.wait("trending", partial(shows, "P00001", 1))
    seconds = []
    for number in range(tries):
        product_id = f"P{number + 2:05d}"
        edit_rule(rule.pk, wording={**wording, "products": [product_id]}, actor="system:bench")
        written = time.monotonic()
        seconds.append(client.wait("trending", partial(shows, product_id, 1)) - written)
    return seconds


def new_products(client: Client, tries: int) -> list[float]:
    """Return the seconds from a product's creation to an answer that may show it alone."""
    from catalog.services import put_product

    seconds = []
    for number in range(tries):
        product_id = f"created-{number}"
        data = {"title": f"Thing {product_id}", "price": "9", "currency": "EUR", "brand": product_id}
        put_product(product_id, data=data, actor="system:bench")
        written = time.monotonic()
        seconds.append(client.wait(f"home?brand={product_id}", partial(shows, product_id, 1)) - written)
    return seconds


def segment_changes(connect: Callable[[], Client], tries: int) -> tuple[list[float], list[float]]:
    """Return the seconds from the events' 200 to an answer for the segment, and from the end of its minute to another.

    A rule pins a product for the segment.
    """
    from personalization.services.rules import create_rule
    from profiles.services.segments import create_segment

    add_products(PINNED)
    rule = {"event": "view", "times": 2, "within": "1 minute"}
    create_segment(key="watchers", name="Watchers", rule=rule, actor="system:bench")
    wording = {"effect": "pin", "position": 1, "products": [PINNED], "segments": ["watchers"]}
    create_rule(name="For watchers", wording=wording, actor="system:bench")
    time.sleep(3)
    client, entered, left, ends = connect(), list[float](), list[float](), list[int]()
    for number in range(tries):
        before = time.time()
        sent = client.send([(f"w{number}", "P00003"), (f"w{number}", "P00004")])
        ends.append(int(before - 2) + WINDOW_SECONDS)  # the older view is two seconds old, in whole seconds
        entered.append(client.wait(f"home?user_id=w{number}", partial(shows, PINNED, 1)) - sent)
    for number, end in enumerate(ends):
        time.sleep(max(0.0, end - time.time()))
        client = client if number else connect()  # the server closed the idle one
        client.wait(f"home?user_id=w{number}", lambda answer: not shows(PINNED, 1, answer))
        left.append(time.time() - end)
    return entered, left


if __name__ == "__main__":
    sys.exit(main())
