"""The log names routes instead of shoppers, and strangers fill it with no tracebacks."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from common.log_filter import Discreet

pytestmark = pytest.mark.django_db


class Lines(logging.Handler):
    """Keeps what the handler of the product would write."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.addFilter(Discreet())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line with its traceback."""
        self.lines.append(self.format(record))


@pytest.fixture
def lines(settings: LazySettings) -> Iterator[list[str]]:
    """The lines of the log."""
    configuration: Any = settings.LOGGING
    assert configuration["handlers"]["stderr"]["filters"] == ["discreet"]
    handler = Lines()
    logger = logging.getLogger("django")
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("path", ["/api/v1/customers/user:ada", "/nothing/user:ada", "/portal/customers/user:ada"])
def test_no_line_names_a_shopper(client: Client, lines: list[str], path: str) -> None:
    assert client.get(path).status_code >= 300
    client.get(f"{path}?user_id=ada")

    assert not any("ada" in line for line in lines)


def test_a_refused_request_names_its_route(client: Client, lines: list[str]) -> None:
    client.get("/api/v1/customers/user:ada")

    assert any("api/v1/customers/" in line for line in lines)


@pytest.mark.parametrize("host", ["evil.example", "a b", "1.2.3.4:x"])
def test_a_foreign_host_is_one_line(client: Client, lines: list[str], host: str) -> None:
    assert client.get("/api/v1/products", headers={"Host": host}).status_code == 400

    assert not any("Traceback" in line for line in lines)
    assert any("HTTP_HOST" in line for line in lines)
