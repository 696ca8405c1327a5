"""REST API of products."""

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.authentication import key_of
from catalog import examples, limits, selectors, services
from catalog.bulk_body import read_lines
from catalog.records import BulkResult, ProductRow
from common import attribute_filters
from common.attribute_filters import AttributesField
from common.cursor_pages import CursorBody, CursorFields, requested_page
from common.errors import InvalidInput
from common.money import DECIMALS, plain
from common.problems import FieldErrorSerializer, ProblemSerializer, error_bodies


class PriceField(serializers.DecimalField):
    """A price in the OpenAPI document: a decimal as string or number, or null."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=16, decimal_places=limits.PRICE_DECIMALS, min_value=0, allow_null=True, **options)


class NamesField(serializers.ListField):
    """Names in a query, of which one must match."""

    def __init__(self, **options: Any) -> None:
        child = serializers.CharField(max_length=limits.ID)
        super().__init__(child=child, max_length=attribute_filters.MOST_VALUES, required=False, **options)


class ProductSerializer(serializers.Serializer[Any]):
    """A product as the shop states it, for the OpenAPI document. `catalog.validation` checks the input."""

    title = serializers.CharField(max_length=limits.TITLE)
    description = serializers.CharField(max_length=limits.DESCRIPTION, required=False, allow_blank=True)
    category = serializers.ListField(
        child=serializers.CharField(max_length=limits.CATEGORY),
        max_length=limits.CATEGORY_DEPTH,
        required=False,
        help_text="Path from the widest category to the narrowest.",
    )
    brand = serializers.CharField(max_length=limits.BRAND, required=False, allow_blank=True)
    price = PriceField(help_text="Null: no price is shown.")
    compare_at_price = PriceField(required=False)
    cost = PriceField(required=False)
    currency = serializers.ChoiceField(
        choices=sorted(DECIMALS), required=False, help_text="ISO 4217; default: the shop's."
    )
    stock = serializers.IntegerField(
        min_value=0,
        max_value=limits.STOCK,
        required=False,
        allow_null=True,
        help_text="Null: not counted, always in stock.",
    )
    active = serializers.BooleanField(required=False, default=True, help_text="False: never recommended.")
    group_id = serializers.CharField(
        max_length=limits.ID, required=False, allow_blank=True, help_text="Shared by the variants of one product."
    )
    attributes = serializers.DictField(child=serializers.JSONField(), required=False)
    url = serializers.CharField(max_length=limits.URL, required=False, allow_blank=True)
    image_url = serializers.CharField(max_length=limits.URL, required=False, allow_blank=True)
    available_from = serializers.DateTimeField(required=False, allow_null=True)


class StoredProductSerializer(ProductSerializer):
    """A stored product."""

    product_id = serializers.CharField(max_length=limits.ID)

    def get_fields(self) -> dict[str, Any]:
        """Return the fields: an answer holds every one."""
        fields: dict[str, Any] = super().get_fields()
        for field in fields.values():
            field.required = True
        return fields


class RejectedLineSerializer(serializers.Serializer[Any]):
    """A refused line, counted from 1."""

    line = serializers.IntegerField()
    product_id = serializers.CharField(allow_null=True)
    errors = FieldErrorSerializer(many=True)  # type: ignore[assignment]  # a field named as a property


class BulkResultSerializer(serializers.Serializer[Any]):
    """The result of a bulk upload."""

    accepted = serializers.IntegerField()
    rejected = RejectedLineSerializer(many=True)


class ProductView(APIView):
    """One product."""

    scope: ClassVar = {"GET": "catalog:read", "PUT": "catalog:write", "DELETE": "catalog:write"}

    @extend_schema(
        operation_id="product_read",
        responses={200: StoredProductSerializer, 404: ProblemSerializer},
        examples=[examples.STORED],
        tags=["catalog"],
    )
    def get(self, request: Request, product_id: str) -> Response:
        """Return the product."""
        return Response(body_of(selectors.get(product_id.strip())))

    @extend_schema(
        operation_id="product_put",
        request=ProductSerializer,
        responses={
            200: StoredProductSerializer,
            201: StoredProductSerializer,
            413: ProblemSerializer,
            415: ProblemSerializer,
        },
        examples=examples.ONE,
        tags=["catalog"],
    )
    def put(self, request: Request, product_id: str) -> Response:
        """Make the product what the body says: fields left out get their defaults, unknown ones are refused."""
        created = services.put_product(product_id, data=request.data, actor=key_of(request).actor)
        return Response(body_of(selectors.get(product_id.strip())), status=201 if created else 200)

    @extend_schema(operation_id="product_delete", responses={204: None, 404: ProblemSerializer}, tags=["catalog"])
    def delete(self, request: Request, product_id: str) -> Response:
        """Take the product out of the catalog: it is no longer recommended."""
        services.remove_product(product_id.strip(), actor=key_of(request).actor)
        return Response(status=204)


class ProductsFields(CursorFields):
    """Conditions on the listed products; all that are given must hold."""

    category = NamesField(help_text='A path ("Furniture/Chairs") or one of its names; any of several.')
    brand = NamesField(help_text="Any of several brands.")
    group_id = serializers.CharField(required=False, allow_blank=True, max_length=limits.ID)
    active = serializers.BooleanField(required=False, allow_null=True, default=None)
    in_stock = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: what is in stock; false: what is sold out."
    )
    updated_since = serializers.DateTimeField(required=False)
    attributes = AttributesField()


class ProductsBody(CursorBody):
    """One page of products, in the order of their ids."""

    products = StoredProductSerializer(many=True)


class ProductsView(APIView):
    """The products of the catalog."""

    scope: ClassVar = {"GET": "catalog:read"}

    @extend_schema(
        operation_id="products_list",
        parameters=[ProductsFields, attribute_filters.PARAMETER],
        responses={200: ProductsBody},
        tags=["catalog"],
    )
    def get(self, request: Request) -> Response:
        """Return a page of the products that were not removed, in the order of their ids."""
        lists = ("category", "brand")
        rows, next_cursor = requested_page(
            ProductsFields, request.query_params, selectors.matching, key="product_id", lists=lists
        )
        return Response({"products": [body_of(selectors.row_of(row)) for row in rows], "next_cursor": next_cursor})


class LinesParser(BaseParser):
    """Lets every content type through: the stream is read, not parsed."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the stream as it is."""
        return stream


class ProductBulkView(APIView):
    """Many products at once."""

    scope: ClassVar = {"POST": "catalog:write"}
    parser_classes = (LinesParser,)

    @extend_schema(
        operation_id="products_bulk",
        # The last is for client generators that know no media type for lines.
        request={
            "application/x-ndjson": OpenApiTypes.STR,
            "text/plain": OpenApiTypes.STR,
            "application/octet-stream": OpenApiTypes.BINARY,
        },
        responses={200: BulkResultSerializer, 413: ProblemSerializer},
        examples=examples.BULK,
        tags=["catalog"],
    )
    def post(self, request: Request) -> Response:
        """Put one product a line (JSON, each with its `product_id`); may be gzipped, at most 16 MB unpacked."""
        if request.stream is None:
            raise InvalidInput("The body holds no line.")
        result = services.bulk_upsert(read_lines(request.stream), actor=key_of(request).actor)
        return Response(bulk_body(result))


def body_of(row: ProductRow) -> dict[str, Any]:
    """Return the product as the API shows it."""
    body = asdict(row)
    del body["first_seen"], body["removed"], body["number"]
    for name in ("price", "compare_at_price", "cost"):
        amount = getattr(row, name)
        body[name] = None if amount is None else plain(amount, row.currency)
    return body


def bulk_body(result: BulkResult) -> dict[str, Any]:
    """Return the result line by line."""
    rejected = [
        {"line": line.line, "product_id": line.product_id, "errors": error_bodies(line.errors)}
        for line in result.rejected
    ]
    return {"accepted": result.accepted, "rejected": rejected}
