"""The simulated actions as Segment items, as a shop's own code would send them. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from demo.simulation.behavior import Act, Line
from demo.simulation.catalog import SimulatedProduct
from demo.simulation.shoppers import Shopper

PURPOSES: Final = ("analytics", "personalization", "cross_device", "train_models", "experiments")
LIBRARY: Final = "vitrine-simulation"
Item = dict[str, Any]


class Wire:
    """Turns acts into items. The consent answer is sent with a device's first item and with each login."""

    def __init__(self, products: Sequence[SimulatedProduct], shoppers: Sequence[Shopper], *, prefix: str) -> None:
        self.products, self.shoppers, self.prefix = products, shoppers, prefix
        self._answered_devices: set[str] = set()
        self._count = 0

    def items(self, acts: Sequence[Act]) -> Iterator[Item]:
        """Yield the items of the acts, in order; the n-th item of a seed always has the same message id."""
        for act in acts:
            yield self._item(act)

    def _item(self, act: Act) -> Item:
        shopper = self.shoppers[act.shopper]
        device = shopper.devices[act.device]
        self._count += 1
        item: Item = {
            "messageId": f"{self.prefix}-{self._count}",
            "timestamp": datetime.fromtimestamp(act.at, UTC).isoformat(),
            "anonymousId": device,
            "context": {"library": {"name": LIBRARY}},
            **getattr(self, f"_{act.action}")(act, shopper),
        }
        if act.logged_in or act.action == "login":
            item["userId"] = shopper.user_id
        if shopper.consent != "none" and (device not in self._answered_devices or act.action == "login"):
            self._answered_devices.add(device)
            answer = shopper.consent == "yes"
            item["context"]["consent"] = {"categoryPreferences": dict.fromkeys(PURPOSES, answer)}
        return item

    def _visit(self, act: Act, shopper: Shopper) -> Item:
        return {"type": "page", "name": "Home", "properties": {"path": "/shop/"}}

    def _list(self, act: Act, shopper: Shopper) -> Item:
        return _track(
            "Product List Viewed", {"list_id": "-".join(act.category).lower(), "category": "/".join(act.category)}
        )

    def _view(self, act: Act, shopper: Shopper) -> Item:
        return _track("Product Viewed", self._line(Line(act.product, 1)))

    def _cart(self, act: Act, shopper: Shopper) -> Item:
        return _track("Product Added", self._line(Line(act.product, 1)))

    def _rating(self, act: Act, shopper: Shopper) -> Item:
        return _track("Product Reviewed", {"product_id": self.products[act.product].product_id, "rating": act.stars})

    def _login(self, act: Act, shopper: Shopper) -> Item:
        traits = {
            "first_name": shopper.first_name, "city": shopper.city, "country": shopper.country,
            "age_band": shopper.age, "loyalty": shopper.loyalty,
        }  # fmt: skip
        return {"type": "identify", "traits": traits}

    def _order(self, act: Act, shopper: Shopper) -> Item:
        lines = [self._line(line) for line in act.lines]
        revenue = sum(line["price"] * line["quantity"] for line in lines)
        currency = self.products[act.lines[0].product].data["currency"]
        properties = {
            "order_id": f"{self.prefix}-order-{self._count}", "revenue": round(revenue, 2),
            "total": round(revenue, 2), "currency": currency, "products": lines,
        }  # fmt: skip
        return _track("Order Completed", properties)

    def _line(self, line: Line) -> Item:
        product = self.products[line.product]
        return {
            "product_id": product.product_id, "name": product.data["title"], "brand": product.data["brand"],
            "category": "/".join(product.kind.path), "price": float(product.data["price"]), "quantity": line.quantity,
        }  # fmt: skip


def _track(name: str, properties: Item) -> Item:
    return {"type": "track", "event": name, "properties": properties}
