"""What a door hands to serving."""

from dataclasses import dataclass, field

from personalization.selectors.placements import Filters


@dataclass(frozen=True, slots=True)
class Who:
    """The shopper as the request names them.

    `verified=False`: a user id the shop wants proved and that was not; its reasons name no products. `gpc` is the
    Global Privacy Control signal of this request, `region` where it came from (None: not known).
    """

    user_id: str | None = None
    anonymous_id: str | None = None
    verified: bool = True
    gpc: bool = False
    region: str | None = None

    @property
    def named(self) -> bool:
        """Whether the request names a shopper at all."""
        return bool(self.user_id or self.anonymous_id)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question for one placement. `exclude` and `product_ids` are the shop's own product ids."""

    placement: str
    who: Who = Who()
    product_ids: tuple[str, ...] = ()
    limit: int | None = None
    exclude: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    personalized: bool = True
    strategy: str | None = None
    explain: bool = False
    explores: bool = True
    """False for what no shopper will see: it spends no budget of a new product."""
