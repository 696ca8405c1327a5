"""A shop's server that speaks to Vitrine over HTTP: it asks for recommendations and sends events."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

TIMEOUT_S: Final = 10.0
TRIES: Final = 4
MOST_WAIT_S: Final = 5.0
AGAIN: Final = frozenset({408, 410, 429, 460, 500, 502, 503, 504})
"""The answers after which SDKs send a request once more."""


class RequestFailed(Exception):
    """A request was refused, or was not answered however often it was sent."""


@dataclass(slots=True)
class Requests:
    """How many requests there were; `repeated` were sent once more, `failed` are given up, by reason."""

    sent: int = 0
    repeated: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)
    """The time until each answer with status 200, repetitions included."""


class Storefront:
    """Requests of one installation, from several threads; each thread keeps its connection."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url} is no address such as http://localhost:8000")
        self._make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._local, self._lock = threading.local(), threading.Lock()
        self._connections: list[http.client.HTTPConnection] = []
        self.requests = Requests()

    def recommend(self, placement: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer of a placement. Raises RequestFailed."""
        answer: dict[str, Any] = self._ask("GET", f"/api/v1/recommendations/{placement}?{urlencode(fields)}")
        return answer

    def send(self, body: Mapping[str, Any]) -> None:
        """Send a batch of events. Raises RequestFailed."""
        self._ask("POST", "/v1/batch", json.dumps(body))

    def close(self) -> None:
        """Close the connections of all threads, which are over."""
        for connection in self._connections:
            connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> Any:
        began, reason = time.monotonic(), ""
        with self._lock:
            self.requests.sent += 1
        for attempt in range(TRIES):
            if attempt:
                with self._lock:
                    self.requests.repeated[reason] += 1
            try:
                status, wait_s, text = self._once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                # A server closes a connection that was idle; the next try opens it again, as SDKs do.
                self._local.connection.close()
                reason, wait_s = type(error).__name__, 0.1 * attempt
            else:
                if status == 200:
                    with self._lock:
                        self.requests.milliseconds.append((time.monotonic() - began) * 1000)
                    return json.loads(text)
                reason = f"{status} {text[:200]}"
                if status not in AGAIN:
                    break
            time.sleep(min(wait_s, MOST_WAIT_S))
        with self._lock:
            self.requests.failed[reason] += 1
        raise RequestFailed(f"{method} {path.partition('?')[0]}: {reason}")

    def _once(self, method: str, path: str, body: str | None) -> tuple[int, float, str]:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._make(self._host, self._port, timeout=TIMEOUT_S)
            with self._lock:
                self._connections.append(connection)
        connection.request(method, self._path + path, body, self._headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        wait = answer.getheader("Retry-After") or ""
        return answer.status, float(wait) if wait.isdigit() else 0.5, text
