"""The way back from pseudonyms to the ids of the shop: one table of encrypted ids, whose rows an erasure deletes."""

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from common import clock, errors, sealed
from common.pseudonyms import PURPOSE, SHAPE, is_pseudonym, pseudonym
from customers.models import Customer, ShopId

MOST_SEALED: Final = 100_000
REMEMBERED_SECONDS: Final = 600
"""An erased id that comes again is sealed anew after this time at most."""
OTHER_KEY: Final = "MASTER_KEY is not the one with which this database was begun: set that one again"
NO_PSEUDONYMS: Final = (
    "this database holds shoppers' ids from before pseudonyms, and each shopper would be two: begin with an empty one"
)
_sealed_until: dict[str, float] = {}
"""Until when the ids of these pseudonyms, which this process sealed lately, need not be sealed again."""


class ForeignKeyError(errors.Conflict):
    """The pseudonyms of this database were made with another `MASTER_KEY`, or it holds ids without pseudonyms."""


def check_key() -> None:
    """Raise ForeignKeyError if shoppers have other pseudonyms in this database than `MASTER_KEY` gives them.

    Each shopper would be two otherwise: who came before, and who comes now.
    """
    first = ShopId.objects.order_by("pk").first()
    try:
        if first and first.pseudonym != pseudonym(_unsealed(first.sealed_id)):
            raise ForeignKeyError(OTHER_KEY)
    except sealed.Unsealable as error:
        raise ForeignKeyError(OTHER_KEY) from error
    newest = Customer.objects.order_by("-pk").values_list("raw_id", flat=True).first()
    if newest and not is_pseudonym(newest.partition(":")[2]):
        raise ForeignKeyError(NO_PSEUDONYMS)


def newly_sealed(ids: Iterable[str | None]) -> dict[str, str]:
    """Return what `seal_new` returns for ids of the shop."""
    return seal_new({pseudonym(id): id for id in ids if id})


def seal_new(ids: Mapping[str, str]) -> dict[str, str]:
    """Return the ids, given by pseudonym, that this process did not seal lately: pseudonym to the encrypted id, base64.

    They travel on the event that named them, so that an id whose events nobody may keep is not kept either.
    """
    now = clock.real_now().timestamp()
    return {
        name: base64.b64encode(sealed.seal(id.encode("utf-8", "surrogatepass"), purpose=PURPOSE)).decode()
        for name, id in ids.items()
        if _sealed_until.get(name, 0.0) < now
    }


def note_sealed(names: Iterable[str]) -> None:
    """Note that the log holds the sealed ids of these pseudonyms."""
    if len(_sealed_until) > MOST_SEALED:
        _sealed_until.clear()
    until = clock.real_now().timestamp() + REMEMBERED_SECONDS
    _sealed_until.update(dict.fromkeys(names, until))


def forget_sealed() -> None:
    """Forget what this process sealed lately."""
    _sealed_until.clear()


def keep_ids(sealed_ids: Mapping[str, str]) -> None:
    """Store sealed ids, as `newly_sealed` returns them. Those that are known stay."""
    rows = [ShopId(pseudonym=name, sealed_id=base64.b64decode(sealed_ids[name])) for name in sorted(sealed_ids)]
    if rows:
        ShopId.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5000)


def ids_of(names: Collection[str]) -> dict[str, str]:
    """Return the shop's id of each pseudonym that has one."""
    if not names:
        return {}
    rows = ShopId.objects.filter(pseudonym__in=set(names)).values_list("pseudonym", "sealed_id")
    return {name: _unsealed(one) for name, one in rows}


def _unsealed(sealed_id: bytes | memoryview) -> str:
    return sealed.unseal(bytes(sealed_id), purpose=PURPOSE).decode("utf-8", "surrogatepass")


def subjects_with_ids(subjects: Collection[str]) -> dict[str, str]:
    """Return each subject as the shop writes it: with its id, or still with the pseudonym where that is not known."""
    ids = ids_of([one.partition(":")[2] for one in subjects])
    parts = ((one, *one.partition(":")[::2]) for one in subjects)
    return {one: f"{kind}:{ids.get(name, name)}" for one, kind, name in parts}


def with_ids(value: Any, *, of: Collection[str] | None = None, own: str | None = None) -> Any:
    """Return JSON with the shop's ids in place of pseudonyms, in texts at any depth. One query.

    `own` is an id that the caller named, which may stand in the answer also where it is not kept. `of` are the subjects
    who may be named, None for all: what a shopper reads names nobody else, also where the shopper wrote another's
    pseudonym into it.
    """
    names = set(_pseudonyms_in(value))
    ids = ids_of(names if of is None else names & {one.partition(":")[2] for one in of})
    if own:
        ids[pseudonym(own)] = own
    return _replaced(value, ids) if ids else value


def _pseudonyms_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from SHAPE.findall(value)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _pseudonyms_in(name)
            yield from _pseudonyms_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _pseudonyms_in(inner)


def _replaced(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return SHAPE.sub(lambda hit: ids.get(hit[0], hit[0]), value)
    if isinstance(value, Mapping):
        return {_replaced(name, ids): _replaced(inner, ids) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(inner, ids) for inner in value]
    return value
