"""The admin pages of products. Every change goes through the room's services."""

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, Format
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ExportForm
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from audit.services import record
from audit.staff import LimitedActions, actor_of
from catalog import limits, services
from catalog.admin.imports import may_import, upload_view
from catalog.models import Product
from catalog.product_panels import labels_of, panels_of
from catalog.resources import ProductResource
from catalog.table import path_of, steps_of
from catalog.validation import CHECKS, check_id, parse_product
from common import clock
from common.errors import InvalidInput
from common.money import format_money, plain
from common.pagination import EstimatingPaginator


class PathField(forms.CharField):
    """A category as a path, as CSV files write it."""

    def prepare_value(self, value: Any) -> Any:
        """Return what the field shows."""
        return value if isinstance(value, str) else path_of(value or ())

    def to_python(self, value: Any) -> Any:
        """Return the steps."""
        return steps_of(super().to_python(value) or "")


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """A product, checked by the same code as REST."""

    category = PathField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="From the widest category to the narrowest: Furniture > Chairs",
    )

    class Meta:
        model = Product
        fields = ("product_id", *CHECKS)
        error_messages: ClassVar = {"available_from": clock.HOW_TO_WRITE}
        widgets: ClassVar = {"title": UnfoldAdminTextInputWidget, "description": UnfoldAdminTextareaWidget}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "currency" in self.fields and not self.instance.pk:
            self.fields["currency"].initial = settings.SHOP_CURRENCY
        for name in ("price", "compare_at_price", "cost"):  # kept with four decimals
            if (amount := self.initial.get(name)) is not None:
                self.initial[name] = Decimal(plain(amount, self.instance.currency))

    def clean(self) -> dict[str, Any]:
        """Show the errors of the room's checks at their fields."""
        cleaned = super().clean() or self.cleaned_data
        stated = {name: cleaned[name] for name in CHECKS if name in cleaned}
        try:
            if "product_id" in cleaned:
                check_id(cleaned["product_id"])
            parse_product({"price": None, **stated}, default_currency=settings.SHOP_CURRENCY)
        except InvalidInput as error:
            for wrong in error.errors:
                if wrong.field in self.fields and wrong.field not in self.errors:
                    self.add_error(wrong.field, wrong.message)
        except ValueError as error:
            self.add_error("product_id", str(error))
        return cleaned


@admin.register(Product)
class ProductAdmin(LimitedActions, ExportMixin, ModelAdmin):
    """Products. The pages stay quick with a million of them: search by id or part of the title, and no full count."""

    form = ProductForm
    change_form_outer_after_template = "catalog/product_panels.html"
    resource_classes = (ProductResource,)
    export_form_class = ExportForm
    import_export_change_list_template = "catalog/products.html"
    list_display = (
        "picture",
        "product_id",
        "title",
        "category_path",
        "brand",
        "shown_price",
        "stock",
        "active",
        "mark",
    )
    list_display_links = ("product_id", "title")
    list_filter = ("active",)
    search_fields = ("product_id__exact", "title", "=brand", "group_id__exact")
    search_help_text = "A part of the title, or a whole id, brand or group"
    show_full_result_count = False
    paginator = EstimatingPaginator
    list_per_page = 50

    @display(description="Picture")
    def picture(self, product: Product) -> str:
        """Show the product's image, small."""
        if not product.image_url:
            return ""
        style = "height:2rem;width:2rem;object-fit:cover;border-radius:.25rem"
        return format_html('<img src="{}" alt="" loading="lazy" style="{}">', product.image_url, style)

    @display(description="Category")
    def category_path(self, product: Product) -> str:
        """Show the category's path."""
        return " › ".join(product.category)

    @display(description="Price", ordering="price")
    def shown_price(self, product: Product) -> str:
        """Show the price with its currency."""
        return "" if product.price is None else format_money(product.price, product.currency)

    @display(description="Mark", label={"never shown": "warning"})
    def mark(self, product: Product) -> str:
        """Show what other rooms say of the product."""
        return getattr(product, "labels", "")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Note the labels at the products of the page, all at once."""
        page = super().get_changelist_instance(request)
        labels = labels_of([product.product_id for product in page.result_list])
        for product in page.result_list:
            product.labels = labels.get(product.product_id, "")
        return page

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """Leave out what was removed."""
        products: QuerySet[Product] = super().get_queryset(request)
        return products.filter(removed_at=None)

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        """The id of a product never changes: events name it."""
        return ("product_id", "created_at", "updated_at") if obj else ()

    def get_urls(self) -> list[URLPattern]:
        """Add the upload of a file."""
        upload = path("import/", self.admin_site.admin_view(upload_view), name="catalog_product_import")
        urls: list[URLPattern] = super().get_urls()
        return [upload, *urls]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with the door to imports for those who may import."""
        context = {**(extra_context or {}), "has_import_permission": may_import(request)}
        page: HttpResponse = super().changelist_view(request, context)
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a product, with what other rooms know of it below."""
        product = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        panels = [] if product is None else panels_of(request, product.product_id)
        page: HttpResponse = super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "panels": panels}
        )
        return page

    def _do_file_export(
        self, file_format: Format, request: HttpRequest, queryset: QuerySet[Product], export_form: Any = None
    ) -> HttpResponseBase:
        """Stream text formats; the library's own export would hold a large catalog in memory."""
        kind = file_format.get_extension()
        record(category="catalog", action="product.exported", actor=actor_of(request), object=f"catalog:{kind}")
        if not isinstance(file_format, CSV):
            if queryset[limits.BULK_LINES :].exists():
                raise ValueError(f"More than {limits.BULK_LINES} products: take csv, which is written as it is sent.")
            whole: HttpResponse = super()._do_file_export(file_format, request, queryset, export_form)
            return whole
        resource = self.choose_export_resource_class(export_form, request)(
            **self.get_export_resource_kwargs(request, export_form=export_form)
        )
        fields = self.get_export_resource_fields_from_form(export_form)
        response = StreamingHttpResponse(
            resource.csv_lines(queryset, fields), content_type=file_format.get_content_type()
        )
        name = self.get_export_filename(request, queryset, file_format)
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may see products: the file also holds their costs."""
        return bool(self.has_view_permission(request))

    def save_model(self, request: HttpRequest, obj: Product, form: ProductForm, change: bool) -> None:
        """Put the product by its service."""
        data = {name: form.cleaned_data[name] for name in CHECKS if name in form.cleaned_data}
        services.put_product(obj.product_id, data=data, actor=actor_of(request))
        obj.pk = Product.objects.values_list("pk", flat=True).get(product_id=obj.product_id)

    def delete_model(self, request: HttpRequest, obj: Product) -> None:
        """Remove the product by its service."""
        services.remove_product(obj.product_id, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        """Remove each product by its service."""
        for product in queryset:
            services.remove_product(product.product_id, actor=actor_of(request))
