"""The final screen of `make demo`: URLs, logins, and an example request with its answer."""

import json
import urllib.request
from typing import Any, Final

from django.conf import settings

from common.demo_keys import SECRET_KEY
from demo.setup import LOGINS, PASSWORD

WIDTH: Final = 92
TIMEOUT_S: Final = 10


def ask(base: str, *, user_id: str) -> dict[str, Any]:
    """Return the running server's answer to an HTTP request. Raises OSError, ValueError."""
    request = urllib.request.Request(address(base, user_id=user_id))
    request.add_header("Authorization", f"Bearer {SECRET_KEY}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        body: dict[str, Any] = json.load(answer)
    return body


def address(base: str, *, user_id: str) -> str:
    """Return the URL that requests three products of the home page."""
    return f"{base}/api/v1/recommendations/home?user_id={user_id}&limit=3"


def first_product_request(base: str) -> str:
    """Return the curl command that adds a first product to an empty shop."""
    data = '-H \'Content-Type: application/json\' -d \'{"title": "Oak chair", "price": "89.90"}\''
    return f"curl -X PUT -H 'Authorization: Bearer {SECRET_KEY}' {data} '{base}/api/v1/products/P456'"


def lines(data_set: dict[str, Any]) -> list[str]:
    """Return the screen of a loaded demo, with the answer to its example request."""
    base, user_id = settings.PUBLIC_URL, str(data_set["known_shopper"])
    return [
        "━" * WIDTH,
        f"  Vitrine is running. Data: {data_set['note']}",
        "",
        f"  Shop       {base}/shop/            (log in there as {user_id})",
        f"  Admin      {base}/admin/           password of everyone: {PASSWORD}",
        f"             {', '.join(LOGINS)}",
        f"  API        {base}/api/docs",
        *(
            [f"  MLflow     {settings.MLFLOW_TRACKING_URI}  (starts last; choose Model training there)"]
            if settings.MLFLOW_TRACKING_URI
            else []
        ),
        "",
        "  Try:",
        *([] if data_set["products"] else [f"  {first_product_request(base)}"]),
        f"  curl -H 'Authorization: Bearer {SECRET_KEY}' '{address(base, user_id=user_id)}'",
        *answer_lines(base, user_id=user_id),
        *(["  Shoppers who click and buy, for two minutes: make simulate"] if data_set["name"] == "simulated" else []),
        "━" * WIDTH,
    ]


def answer_lines(base: str, *, user_id: str) -> list[str]:
    """Return the current answer to the example request, or the error, as lines."""
    try:
        answer = ask(base, user_id=user_id)
    except (OSError, ValueError) as error:
        return [f"  … which does not answer yet: {error}"]
    kind = "personalized" if answer["personalized"] else "NOT personalized"
    fell_back = f", fell back: {answer['degraded']}" if answer["degraded"] else ""
    heading = f"  … which answers {kind}{fell_back}, model {answer['model_version']}, in {answer['took_ms']} ms:"
    items = [f"    {item['position']}. {item['title']}: {item['reason']['text']}" for item in answer["items"]]
    return [heading, *(items or ["    nothing: there is no product yet"])]
