"""The request that API and admin hand to serving."""

from dataclasses import dataclass, field

from customers.shop_ids import ids_of
from personalization.selectors.placements import Filters


@dataclass(frozen=True, slots=True)
class Who:
    """The shopper as the request names them.

    `user_id` is proven: a browser that names one without proof asks as its anonymous id alone. `gpc` is the request's
    Global Privacy Control signal. `region` is None where it is unknown.
    """

    user_id: str | None = None
    anonymous_id: str | None = None
    gpc: bool = False
    region: str | None = None
    shop_ids: tuple[str | None, str | None] | None = None
    """User id and anonymous id as the shop writes them, by which SDKs draw arms. None: the pseudonyms draw them."""

    @property
    def hash_ids(self) -> tuple[str, str]:
        """What arms of experiments are drawn by: the shop's user id, else anonymous id, and the anonymous id."""
        user_id, anonymous_id = self.shop_ids or (self.user_id, self.anonymous_id)
        return user_id or anonymous_id or "", anonymous_id or ""

    @property
    def has_id(self) -> bool:
        """Whether the request names a shopper at all."""
        return bool(self.user_id or self.anonymous_id)


def who_of(subject: str) -> Who:
    """Return the shopper of a subject (`user:ID`, `anonymous:ID`; a bare id is a user, "" nobody)."""
    kind, _, value = subject.partition(":")
    if kind == "anonymous":
        return Who(anonymous_id=value, shop_ids=(None, ids_of([value]).get(value, value)))
    user_id = (value if kind == "user" else subject) or None
    return Who(user_id=user_id, shop_ids=(user_id and ids_of([user_id]).get(user_id, user_id), None))


NOBODY = Who()
"""The shopper of a request that wants no profile looked at."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for one placement. `exclude` and `product_ids` are the shop's own product ids."""

    placement: str
    who: Who = NOBODY
    product_ids: tuple[str, ...] = ()
    limit: int | None = None
    exclude: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    personalized: bool = True
    strategy: str | None = None
    explain: bool = False
    earlier_items: tuple[int, ...] = ()
    """Hashes of the products on earlier pages of this answer (see `page_cursor`)."""
    explores: bool = True
    """False for a preview: it shows no new product and spends no exploration budget."""
