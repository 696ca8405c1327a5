"""Writes of the catalogue. Each is one transaction with its audit event; then the catalogue's version is raised."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import orjson
import redis
from django.conf import settings
from django.db import transaction

from audit.services import record
from catalog.models import Product
from catalog.records import BulkResult, ProductData, RejectedLine
from catalog.validation import check_id, parse_product
from common import clock
from common.errors import FieldError, InvalidInput, NotFound
from common.problems import printable
from common.redis import CATALOG_VERSION, client

BATCH: Final = 1_000
FIELDS: Final = tuple(field.name for field in fields(ProductData))
log = logging.getLogger(__name__)


def put_product(product_id: str, *, data: object, actor: str) -> bool:
    """Make the product exactly what `data` says; return whether it is new. Raises InvalidInput."""
    product_id = _checked_id(product_id)
    product = parse_product(data, default_currency=settings.SHOP_CURRENCY)
    with transaction.atomic():
        before = Product.objects.select_for_update().filter(product_id=product_id).first()
        _upsert({product_id: product})
        changed = sorted(_changed(before, product))
        created = before is None or before.removed_at is not None
        if created or changed:
            audit_data = {"created": created, "fields": changed, "sha256": fingerprint(product_id, product)}
            _record("product.put", f"product:{product_id}", actor=actor, data=audit_data)
    return created


def remove_product(product_id: str, *, actor: str) -> None:
    """Remove the product from the catalogue; its history stays. Raises NotFound for an unknown one."""
    with transaction.atomic():
        removed = Product.objects.filter(product_id=product_id, removed_at=None).update(removed_at=clock.now())
        if not removed:
            raise NotFound(f"No product {product_id}.")
        _record("product.removed", f"product:{product_id}", actor=actor, data={})


def bulk_upsert(rows: Iterable[Any], *, actor: str, source: str = "bulk") -> BulkResult:
    """Put many products, each a mapping with `product_id`. Invalid lines are rejected by number, the others are
    written.

    After an error of ours nothing is written. One audit event holds the counts and a hash of the written products. Of
    two lines with one product id the later wins. A row may be an InvalidInput for an unreadable line, or None for a
    blank one, which is skipped.
    """
    accepted, checksum, rejected = 0, hashlib.sha256(), list[RejectedLine]()
    batch: dict[str, ProductData] = {}
    with transaction.atomic():
        for line, row in enumerate(rows, start=1):
            if row is None:
                continue
            try:
                product_id, product = parse_row(row)
            except InvalidInput as error:
                rejected.append(RejectedLine(line, _stated_id(row), error.errors))
                continue
            batch[product_id] = product
            checksum.update(fingerprint(product_id, product).encode())
            accepted += 1
            if len(batch) >= BATCH:
                _upsert(batch)
                batch = {}
        _upsert(batch)
        if accepted:
            audit_data = {
                "source": source,
                "accepted": accepted,
                "rejected": len(rejected),
                "sha256": checksum.hexdigest(),
            }
            _record("product.bulk_put", "catalog:products", actor=actor, data=audit_data)
    return BulkResult(accepted, tuple(rejected))


def note_import(*, counts: Mapping[str, int], actor: str) -> None:
    """Record a file that was imported row by row, and raise the version. Call within its transaction."""
    _record("product.imported", "catalog:products", actor=actor, data={"source": "admin", "rows": counts})


def parse_row(row: Any) -> tuple[str, ProductData]:
    """Return the id and the product of a bulk row. Raises InvalidInput."""
    if isinstance(row, InvalidInput):
        raise row
    if not isinstance(row, Mapping):
        raise InvalidInput.of("", "expected an object")
    errors: tuple[FieldError, ...] = ()
    product_id = ""
    try:
        product_id = _checked_id(row.get("product_id"))
    except InvalidInput as error:
        errors = error.errors
    data = {name: value for name, value in row.items() if name != "product_id"}
    try:
        product = parse_product(data, default_currency=settings.SHOP_CURRENCY)
    except InvalidInput as error:
        raise InvalidInput(error.detail, errors=(*errors, *error.errors)) from None
    if errors:
        raise InvalidInput("product_id", errors=errors)
    return product_id, product


def announce() -> None:
    """Raise the catalogue's version, so that serving processes look for changes at once.

    Without Redis they find changes by polling.
    """
    try:
        client().incr(CATALOG_VERSION)
    except redis.RedisError as error:
        log.warning("catalog.not_announced error=%s", error)


def fingerprint(product_id: str, product: ProductData) -> str:
    """Return the hash of a written product for the audit log: SHA-256 over JSON with sorted names."""
    stated = {"product_id": product_id, **columns(product)}
    return hashlib.sha256(orjson.dumps(stated, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _record(action: str, about: str, *, actor: str, data: dict[str, Any]) -> None:
    record(category="catalog", action=action, actor=actor, object=about, data=data)
    transaction.on_commit(announce)


def _upsert(products: Mapping[str, ProductData]) -> None:
    """Write products in the order of their ids, so that two uploads cannot deadlock."""
    rows = [Product(product_id=product_id, **columns(products[product_id])) for product_id in sorted(products)]
    Product.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["product_id"], update_fields=[*FIELDS, "removed_at"]
    )


def columns(product: ProductData) -> dict[str, Any]:
    """Return the product as column values."""
    return {**{name: getattr(product, name) for name in FIELDS}, "category": list(product.category)}


def _changed(before: Product | None, product: ProductData) -> Sequence[str]:
    return [name for name, value in columns(product).items() if before is None or getattr(before, name) != value]


def _checked_id(value: object) -> str:
    try:
        return check_id(value)
    except ValueError as error:
        raise InvalidInput.of("product_id", str(error)) from None


def _stated_id(row: object) -> str | None:
    stated = row.get("product_id") if isinstance(row, Mapping) else None
    return printable(stated[:255]) if isinstance(stated, str) else None
