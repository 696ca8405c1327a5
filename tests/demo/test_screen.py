"""The final screen shows a request with its real answer, or an error."""

import shlex
import socket
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from access.selectors import forget_keys
from catalog.services import bulk_upsert
from demo import screen, setup
from personalization.services.placements import save_placement
from personalization.serving.snapshot_refresher import snapshot_refresher

KNOWN = {"known_shopper": "ada", "note": "a test", "name": "simulated", "products": 1}


def test_screen_shows_the_answer_to_its_request(
    transactional_db: None, live_server: LiveServer, settings: Settings
) -> None:
    settings.SERVING_REFRESH, settings.PUBLIC_URL = "inline", live_server.url
    forget_keys()
    snapshot_refresher.forget()
    setup.prepare()
    save_placement("home", data={"name": "Home"}, actor="system:test")
    bulk_upsert([{"product_id": "P1", "title": "Oak desk", "price": "90.00"}], actor="system:test")

    text = "\n".join(screen.lines(KNOWN))

    assert f"curl -H 'Authorization: Bearer sk_demo' '{live_server.url}/api/v1/recommendations/home?user_id=ada" in text
    assert "which answers NOT personalized, fell back:" in text
    assert "1. Oak desk:" in text
    assert all(name in text for name in setup.LOGINS)


def test_screen_of_empty_shop_shows_how_to_add_a_product(
    transactional_db: None, live_server: LiveServer, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SERVING_REFRESH, settings.PUBLIC_URL, settings.DEMO = "inline", live_server.url, True
    forget_keys()
    snapshot_refresher.forget()

    call_command("demo", dataset="empty", screen=False)
    call_command("demo", dataset="empty", screen=False)
    capsys.readouterr()
    call_command("demo", screen=True)
    text = capsys.readouterr().out

    assert "nothing: there is no product yet" in text
    words = shlex.split(next(line for line in text.splitlines() if "curl -X PUT" in line))
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    body = words[words.index("-d") + 1].encode()
    with urllib.request.urlopen(urllib.request.Request(words[-1], body, headers, method="PUT")) as answer:
        assert answer.status == HTTPStatus.CREATED
    assert [one["title"] for one in screen.ask(live_server.url, user_id="ada")["items"]] == ["Oak chair"]


def test_screen_shows_connection_errors(settings: Settings) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        settings.PUBLIC_URL = f"http://127.0.0.1:{sock.getsockname()[1]}"

        text = "\n".join(screen.lines(KNOWN))

    assert "which does not answer yet" in text


def test_screen_shows_the_first_answer_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Iterator[dict[str, Any]] = iter(
        {"degraded": degraded, "personalized": degraded is None, "model_version": "1", "took_ms": 9, "items": []}
        for degraded in ("deadline", None)
    )
    monkeypatch.setattr(screen, "ask", lambda base, *, user_id: next(answers))

    heading = screen.answer_lines("http://shop.test", user_id="ada")[0]

    assert heading.startswith("  … which answers NOT personalized, fell back: deadline, model 1")
