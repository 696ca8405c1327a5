"""Small shops whose right answer is obvious, and how to look into them."""

import numpy as np

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Profile
from recsys.data.signals import SIGNAL_CODES

START = 1_700_000_000.0
DAY = 86_400.0


def catalog(n_items: int) -> Catalog:
    """Return a catalog whose odd and even items differ in every text and attribute."""
    kinds = ["tea" if item % 2 else "wool" for item in range(n_items)]
    return Catalog(
        item_ids=tuple(f"sku-{item}" for item in range(n_items)),
        titles=tuple(f"{kind} {kind}pot number{item}" for item, kind in enumerate(kinds)),
        descriptions=tuple(f"finest {kind} of the {kind} makers" for kind in kinds),
        categories=tuple(f"shop/{kind}" for kind in kinds),
        brands=tuple(f"{kind} house" for kind in kinds),
        attributes=tuple((f"kind={kind}", f"shelf={item}") for item, kind in enumerate(kinds)),
        group_ids=tuple(f"group-{item}" for item in range(n_items)),
        prices=np.full(n_items, 9.5, np.float32),
        first_seen=np.full(n_items, START),
    )


def interactions(rows: list[tuple[int, int, float, str]], *, n_users: int, value: float = 1.0) -> Interactions:
    """Return columns of (user, item, time, signal) rows, sorted by time; the rows of one user and day are a basket."""
    rows = sorted(rows, key=lambda row: row[2])
    users, items, times, signals = zip(*rows, strict=True) if rows else ((), (), (), ())
    baskets = [user * 1000 + int((time - START) // DAY) for user, time in zip(users, times, strict=True)]
    return Interactions(
        users=np.array(users, np.int32),
        items=np.array(items, np.int32),
        times=np.array(times, np.float64),
        signals=np.array([SIGNAL_CODES[name] for name in signals], np.int8),
        weights=np.ones(len(rows), np.float32),
        values=np.full(len(rows), value, np.float32),
        baskets=np.array(baskets, np.int32),
        n_users=n_users,
    )


def checkerboard(n_users: int = 20, n_items: int = 12, baskets: int = 3) -> Interactions:
    """Return a shop where even shoppers buy all even items but one of their own, odd shoppers all odd but one.

    Each shopper buys in `baskets` orders on successive days; what a shopper lacks is the obvious answer.
    """
    rows = []
    for user in range(n_users):
        for place, item in enumerate(range(user % 2, n_items, 2)):
            if item != missing(user, n_items):
                time = START + (place % baskets) * DAY + user * 60 + place
                rows += [(user, item, time, "view"), (user, item, time + 1, "purchase")]
    return interactions(rows, n_users=n_users)


def missing(user: int, n_items: int = 12) -> int:
    """Return the one item of the shopper's color that the shopper never touched."""
    mine = list(range(user % 2, n_items, 2))
    return mine[(user // 2) % len(mine)]


def profile(data: Interactions, user: int) -> Profile:
    """Return what the data say about one shopper, a minute after the last row."""
    rows = np.flatnonzero(data.users == user)
    return Profile(
        items=data.items[rows],
        times=data.times[rows],
        signals=data.signals[rows],
        weights=data.weights[rows],
        values=data.values[rows],
        now=float(data.times.max(initial=START)) + 60,
    )
