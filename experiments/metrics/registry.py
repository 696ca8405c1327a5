"""The metrics that come with the product: one file, one line each."""

from typing import Final

from experiments.metrics.base import Metric, Variable

ORDERED: Final = Variable("orders", "any")
ORDERS: Final = Variable("orders")
REVENUE: Final = Variable("orders", "sum", field="revenue")
ITEMS: Final = Variable("orders", "sum", field="items")
MARGIN: Final = Variable("orders", "sum", field="margin")
ANSWERS: Final = Variable("answers")
CLICKS: Final = Variable("clicks")
CARTED: Final = Variable("events", "any", events=("Product Added",))
BOUNCED: Final = Variable("visits", "any")

METRICS: Final[dict[str, Metric]] = {
    one.key: one
    for one in (
        Metric("click_through_rate", "Click-through rate", "ratio", CLICKS, ANSWERS, display="share"),
        Metric("conversion_rate", "Conversion rate", "proportion", ORDERED, display="share"),
        Metric("average_order_value", "Average order value", "ratio", REVENUE, ORDERS, display="money"),
        Metric("revenue_per_visitor", "Revenue per visitor", "mean", REVENUE, display="money", has_quantiles=True),
        Metric("items_per_order", "Items per order", "ratio", ITEMS, ORDERS),
        Metric("add_to_cart_rate", "Add-to-cart rate", "proportion", CARTED, display="share"),
        Metric("margin_per_visitor", "Margin per visitor", "mean", MARGIN, display="money", has_quantiles=True),
        Metric("bounce_rate", "Bounce rate", "proportion", BOUNCED, display="share", higher_is_better=False),
    )
}
"""By key."""
