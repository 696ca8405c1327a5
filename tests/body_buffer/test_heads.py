"""The buffer and `web` agree where a request ends, or the request is refused."""

import pytest

from config.body_buffer.heads import MalformedError, parse_request, parse_response


def request(*fields: bytes, method: bytes = b"POST") -> bytes:
    return b"\r\n".join([method + b" /v1/batch?a=1 HTTP/1.1", b"Host: shop", *fields, b"", b""])


def test_the_length_is_stated_anew() -> None:
    head = parse_request(request(b"content-LENGTH:  7 ", b"X-API-Key: pk_1"))

    assert (head.method, head.path, head.framing.length) == (b"POST", b"/v1/batch", 7)
    fields = (b"X-API-Key: pk_1", b"X-Request-Start: 12", b"Content-Length: 7")
    assert head.with_length(7, whole_at_ms=12) == request(*fields)


def test_a_body_in_chunks_gets_a_length() -> None:
    head = parse_request(request(b"Transfer-Encoding: chunked", b"Expect: 100-continue"))

    assert (head.framing.length, head.framing.chunked, head.framing.expects_continue) == (None, True, True)
    assert head.with_length(2, whole_at_ms=12) == request(b"X-Request-Start: 12", b"Content-Length: 2")


def test_a_request_without_a_length_has_no_body() -> None:
    assert parse_request(request()).framing.length == 0


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: 7", b"Transfer-Encoding: chunked"],
        [b"Content-Length: 7", b"Content-Length: 8"],
        [b"Content-Length: -7"],
        [b"Content-Length: 7, 7"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: identity"],
    ],
)
def test_an_ambiguous_length_is_refused(fields: list[bytes]) -> None:
    with pytest.raises(MalformedError):
        parse_request(request(*fields))


@pytest.mark.parametrize(
    "head", [b"\r\n\r\n", b"POST /v1/batch\r\n\r\n", b"POST / x HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"]
)
def test_another_protocol_is_refused(head: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_request(head)


@pytest.mark.parametrize(
    ("status", "method", "bodiless"),
    [(b"200", b"POST", False), (b"200", b"HEAD", True), (b"204", b"POST", True), (b"304", b"GET", True)],
)
def test_some_answers_have_no_body(status: bytes, method: bytes, bodiless: bool) -> None:
    head = parse_response(b"HTTP/1.1 " + status + b" Some\r\nContent-Length: 5\r\n\r\n")

    assert (head.status, head.bodiless(method)) == (int(status), bodiless)


def test_a_server_that_speaks_something_else_is_not_relayed() -> None:
    with pytest.raises(MalformedError):
        parse_response(b"SSH-2.0-OpenSSH\r\n\r\n")
