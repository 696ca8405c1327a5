"""Which header is the privacy signal, and what it decides: every row of the table in docs/consent.md, over HTTP.

The purposes are `analytics`, which is optional, and `ads_share`, which is a sale or a sharing.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.test import Client

from access.identity import sign_user
from access.selectors import resolve_key
from access.services import create_key

URL: Final = "/api/v1/consents/"
HEADERS: Final[dict[str, tuple[str | None, bool]]] = {
    "absent": (None, False),
    "`1`": ("1", True),
    "`0`": ("0", False),
    "`true`": ("true", False),
    "` 1` inside": (" 1", False),
    "empty": ("", False),
    "`1` twice": ("1,1", False),
    "`1` and `0`": ("1,0", False),
}
"""Name of a header to its value in WSGI, and whether it is the signal. Two headers are joined by a comma."""
REGIONS: Final = {"opt in": "DE", "opt out": "US"}
SHOPPERS: Final = ("device", "device that said yes", "account", "account that said yes")
YES: Final = {"analytics": True, "ads_share": True}


@pytest.fixture
def pages(db: None, settings: Any) -> str:
    """The key of the shop's pages, where the proxy names the region."""
    settings.CONSENT_REGION_HEADER, settings.CONSENT_RULES = "X-Region", {"DE": "opt_in", "US": "opt_out"}
    return create_key(kind="pk", name="pages")[1]


def ask(key: str, subject: str, region: str, header: str | None, *, decisions: Any = None) -> Any:
    """Return the state after a request of the browser: a decision, or a question."""
    path = URL + subject
    headers: dict[str, Any] = {"HTTP_X_REGION": region, "HTTP_AUTHORIZATION": f"Bearer {key}"}
    if subject.startswith("user:"):
        headers["HTTP_X_USER_HASH"] = sign_user(resolve_key(key).identity_secret, user_id=subject.removeprefix("user:"))
    headers |= {} if header is None else {"HTTP_SEC_GPC": header}
    if decisions is None:
        return Client().get(path, **headers).json()
    return Client().put(path, {"decisions": decisions}, content_type="application/json", **headers).json()


def reasons(state: Any) -> tuple[str, str]:
    return state["decisions"]["analytics"]["reason"], state["decisions"]["ads_share"]["reason"]


def expected(shopper: str, region: str, *, signal: bool) -> tuple[str, str]:
    """Return the reasons of both purposes, from the rule in one sentence: the signal beats all on its own request; it
    reaches what is a sale or a sharing, and where the region asks first everything optional.
    """
    before = "given" if "yes" in shopper else "not_asked" if region == "opt in" else "not_objected"
    return "gpc" if signal and region == "opt in" else before, "gpc" if signal else before


@pytest.mark.parametrize(("shopper", "region"), list(itertools.product(SHOPPERS, REGIONS)))
def test_only_the_exact_value_is_the_signal(pages: str, shopper: str, region: str) -> None:
    for number, (name, (header, is_signal)) in enumerate(HEADERS.items()):
        kind = "user" if "account" in shopper else "anonymous"
        subject = f"{kind}:s{number}"
        if "yes" in shopper:
            ask(pages, subject, REGIONS[region], None, decisions=YES)

        state = ask(pages, subject, REGIONS[region], header)

        assert state["gpc"] == is_signal, name
        assert reasons(state) == expected(shopper, region, signal=is_signal), name


@pytest.mark.parametrize("region", REGIONS)
def test_an_account_remembers_the_signal_of_a_decision_until_its_later_yes(pages: str, region: str) -> None:
    ask(pages, "user:ada", REGIONS[region], "1", decisions=YES)
    remembered = ask(pages, "user:ada", REGIONS[region], None)
    ask(pages, "user:ada", REGIONS[region], None, decisions=YES)
    after_yes = ask(pages, "user:ada", REGIONS[region], None)
    live_again = ask(pages, "user:ada", REGIONS[region], "1")

    assert reasons(remembered) == reasons(live_again) == expected("yes", region, signal=True)
    assert reasons(after_yes) == ("given", "given")


def test_the_docs_print_this_table() -> None:
    rows = [f"| {name} | {'yes' if is_signal else 'no'} |" for name, (_, is_signal) in HEADERS.items()]
    verdicts = [
        f"| {shopper} | {region} | {words(expected(shopper, region, signal=False))} |"
        f" {words(expected(shopper, region, signal=True))} |"
        for shopper, region in itertools.product(SHOPPERS, REGIONS)
    ]
    text = Path(settings.BASE_DIR, "docs/consent.md").read_text(encoding="utf-8")

    assert [row for row in (*rows, *verdicts) if row not in text] == []


def words(both: Iterable[str]) -> str:
    """Return what holds of `analytics` and of `ads_share`."""
    return " | ".join(f"{'yes' if one in {'given', 'not_objected'} else 'no'}, `{one}`" for one in both)
