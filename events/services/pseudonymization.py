"""An event at the door: its ids become pseudonyms, and where they may be new, the ids travel sealed beside them."""

from collections.abc import Callable

from msgspec.structs import replace

from common import pseudonyms
from customers.personal_seals import sealed_at_door
from customers.shop_ids import seal_new
from events.intake.items import Item
from events.types.products import text

ID_FIELDS = ("user_id", "anonymous_id", "previous_id", "claimed_user_id")


def with_pseudonyms(item: Item, *, is_ours: bool = False) -> Item:
    """Return the item with pseudonyms in place of the shop's ids, by which its sender was proven before.

    `is_ours`: it was behind the door already, so its ids are pseudonyms, except for what staff wrote into it.
    """
    convert: Callable[[str], str] = pseudonyms.staff_pseudonym if is_ours else pseudonyms.pseudonym
    event = item.event
    ids = {name: value for name in ID_FIELDS if (value := getattr(event, name))}
    changes = {name: convert(value) for name, value in ids.items()}
    new = {} if is_ours else seal_new({changes[name]: value for name, value in ids.items()})
    return replace(item, event=replace(event, **changes, sealed_ids=new))


def with_sealed_traits(item: Item, *, is_ours: bool = False) -> Item:
    """Return the item with names and contact data sealed; what staff send again is so already, except what they add."""
    event = item.event
    if not event.traits:
        return item
    return replace(item, event=replace(event, traits=sealed_at_door(event.traits, is_ours=is_ours)))


def payload_with_pseudonyms(payload: dict[str, object]) -> dict[str, object]:
    """Return an item that is rejected with pseudonyms in place of its ids, as they are read."""
    names = ("userId", "anonymousId", "previousId", "user_id", "anonymous_id", "previous_id")
    ids = {name: value for name in names if (value := text(payload.get(name)))}
    return {**payload, **{name: pseudonyms.pseudonym(value) for name, value in ids.items()}}
