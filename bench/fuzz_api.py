"""Every operation of the OpenAPI document, at least 5,000 generated cases: no 5xx, at least one 2xx each.

On a fresh installation of its own, the WSGI application called inside this process.
"""

import argparse
import json
import math
import os
import sys
import time

from bench._stage import stage

OPERATIONS = 29
"""How many there are at least; more operations give more cases."""


def main() -> int:
    """Run it; 1 where an operation failed or never answered with a 2xx."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with stage() as it:
        os.environ.update(it.environment, SERVING_REFRESH="inline")
        return fuzzed(each=math.ceil(1.1 * options.cases / OPERATIONS), seed=options.seed)


def fuzzed(*, each: int, seed: int) -> int:
    """Fill a small shop, ask, print what came back."""
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from django.conf import settings

    from access.scopes import SCOPE_NAMES
    from access.services import create_key
    from config.wsgi import application
    from tests.api.fuzzing import Tally, fuzz
    from tests.personalization.shop import ADA, says, stock_the_shop, views

    settings.KEY_RATES = dict.fromkeys(settings.KEY_RATES, "1000000/second")
    stock_the_shop()
    says(ADA)
    views(ADA, "desk")
    _, secret = create_key(kind="sk", name="server", scopes=sorted(SCOPE_NAMES))
    _, publishable = create_key(kind="pk", name="page")
    tally, began = Tally(), time.perf_counter()
    for name, failures in fuzz(application, secret=secret, publishable=publishable, each=each, seed_value=seed):
        tally = failures
        statuses = dict(sorted(tally.statuses[name].items()))
        print(f"{tally.cases:6d} cases  {time.perf_counter() - began:6.0f} s  {name:48} {statuses}", flush=True)
    result = {"cases": tally.cases, "operations": len(tally.statuses), "wrong": len(tally.wrong)}
    print(json.dumps({**result, "never_2xx": tally.never_good}))
    print("\n".join(tally.wrong[:20]))
    return int(bool(tally.wrong or tally.never_good))


if __name__ == "__main__":
    sys.exit(main())
