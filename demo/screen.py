"""The screen `make demo` ends with: addresses, logins, and a request whose answer was just seen."""

import json
import urllib.request
from typing import Any, Final

from django.conf import settings

from demo.setup import LOGINS, PASSWORD, SECRET_KEY

WIDTH: Final = 92
TIMEOUT_S: Final = 10


def ask(base: str, *, user_id: str) -> dict[str, Any]:
    """Return the answer of the running server, asked over HTTP like any shop would. Raises OSError, ValueError."""
    request = urllib.request.Request(address(base, user_id=user_id))
    request.add_header("Authorization", f"Bearer {SECRET_KEY}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def address(base: str, *, user_id: str) -> str:
    """Return the URL that asks for three products of the home page."""
    return f"{base}/api/v1/recommendations/home?user_id={user_id}&limit=3"


def bringing(base: str) -> str:
    """Return the request that brings a first product to an empty shop."""
    told = '-H \'Content-Type: application/json\' -d \'{"title": "Oak chair", "price": "89.90"}\''
    return f"curl -X PUT -H 'Authorization: Bearer {SECRET_KEY}' {told} '{base}/api/v1/products/P456'"


def lines(known: dict[str, Any]) -> list[str]:
    """Return the screen of a loaded demo; the request on it is made, and its answer shown."""
    base, user_id = settings.PUBLIC_URL, str(known["known_shopper"])
    return [
        "━" * WIDTH,
        f"  Vitrine is running. Data: {known['note']}",
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
        *([] if known["products"] else [f"  {bringing(base)}"]),
        f"  curl -H 'Authorization: Bearer {SECRET_KEY}' '{address(base, user_id=user_id)}'",
        *answered(base, user_id=user_id),
        "━" * WIDTH,
    ]


def answered(base: str, *, user_id: str) -> list[str]:
    """Return what the request on the screen answers at this moment, or why it does not."""
    try:
        answer = ask(base, user_id=user_id)
    except (OSError, ValueError) as error:
        return [f"  … which does not answer yet: {error}"]
    kind = "personalized" if answer["personalized"] else "NOT personalized"
    fell_back = f", fell back: {answer['degraded']}" if answer["degraded"] else ""
    heading = f"  … which answers {kind}{fell_back}, model {answer['model_version']}, in {answer['took_ms']} ms:"
    shown = [f"    {item['position']}. {item['title']}: {item['reason']['text']}" for item in answer["items"]]
    return [heading, *(shown or ["    nothing: there is no product yet"])]
