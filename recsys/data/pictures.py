"""Pictures of products: files of a folder, and addresses that are fetched once and kept small (extra [deep]).

Whoever writes the catalog chooses the addresses, and this server asks for them from inside its network. So only public
hosts are asked, at the address that was checked; nothing is redirected, and size and time are limited.
"""

import base64
import binascii
import hashlib
import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Timer
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from recsys.data.deep_features import IMAGE_SIDE

FILE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MOST_BYTES, MOST_PIXELS = 5_000_000, 40_000_000
PAUSE_SECONDS, FETCH_SECONDS, BUDGET_SECONDS = 5.0, 15.0, 600.0
"""Limits of one pause of a server, of one picture, and of all pictures of one training."""
RETRY_SECONDS = 7 * 86_400.0
"""An address without a usable picture is asked again after this time."""
THREADS = 8
PICTURE_ENDING, FAILURE_ENDING = ".png", ".none"
EMBEDDING_NETWORKS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "2002::/16")))
"""Networks whose addresses stand for IPv4 addresses, which may be private."""


class UnusablePicture(Exception):
    """There is no picture at the address, or it must not be fetched; the message says why."""


def pictures_in(folder: Path) -> dict[str, Path]:
    """Return the picture files of a folder by product id, their name. Raises ValueError without the folder."""
    if not folder.is_dir():
        raise ValueError(f"there is no folder of pictures {folder}")
    return {file.stem: file for file in sorted(folder.iterdir()) if file.suffix.lower() in FILE_ENDINGS}


def fetched_pictures(
    addresses: Mapping[str, str],
    *,
    folder: Path,
    budget_s: float = BUDGET_SECONDS,
    read: Callable[[str], bytes] | None = None,
) -> dict[str, Path]:
    """Return a small picture file by product id, from `data:`, `http:` and `https:` addresses by product id.

    The folder keeps the pictures by address, and only those of these addresses. What is not fetched within `budget_s`
    seconds is left to the next call; what is no picture is asked for again after a week. Raises ModuleNotFoundError
    without Pillow.
    """
    import PIL  # noqa: F401 (said before anything is fetched)

    folder.mkdir(parents=True, exist_ok=True)
    names = {address: hashlib.sha256(address.encode()).hexdigest() for address in set(addresses.values())}
    for file in folder.iterdir():
        if file.stem not in names.values():
            file.unlink(missing_ok=True)
    missing = [address for address in sorted(names) if _is_due(folder / names[address])]
    keep = partial(_keep, deadline=time.monotonic() + budget_s, read=read or picture_bytes)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(keep, missing, [folder / names[address] for address in missing]))
    files = {product_id: folder / f"{names[address]}{PICTURE_ENDING}" for product_id, address in addresses.items()}
    return {product_id: file for product_id, file in files.items() if file.exists()}


def picture_bytes(address: str) -> bytes:
    """Return what is at a `data:`, `http:` or `https:` address. Raises UnusablePicture."""
    if address[:5].lower() == "data:":
        return _embedded(address)
    return fetch(address)


def fetch(address: str, *, allowed: Callable[[str], bool] | None = None) -> bytes:
    """Return the picture at an http(s) address. Raises UnusablePicture.

    All IP addresses of the host must be `allowed`; by default these are the public ones.
    """
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise UnusablePicture("not an http or https address of a host")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        ip = _checked_ip(parts.hostname, port, allowed or is_public)
        with _answer(parts, ip, port) as answer:
            return _body(answer)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UnusablePicture(f"it cannot be fetched: {error}") from error


def is_public(ip: str) -> bool:
    """Return whether an IP address is one of the internet, not of this machine or a private network."""
    address = ipaddress.ip_address(ip)
    return address.is_global and not address.is_multicast and not any(address in net for net in EMBEDDING_NETWORKS)


def _checked_ip(host: str, port: int, allowed: Callable[[str], bool]) -> str:
    """Return the first IP address of a host. A connection to it cannot be led elsewhere by a second look-up."""
    ips = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not all(map(allowed, ips)):
        raise UnusablePicture("its host is not public")
    return ips[0]


@contextmanager
def _answer(parts: SplitResult, ip: str, port: int) -> Iterator[http.client.HTTPResponse]:
    """Yield the answer of a host at a checked address; after `FETCH_SECONDS` the connection is cut."""
    host = str(parts.hostname)
    with closing(http.client.HTTPConnection(host, port, timeout=PAUSE_SECONDS)) as connection:
        plain = socket.create_connection((ip, port), timeout=PAUSE_SECONDS)
        cut = Timer(FETCH_SECONDS, partial(_cut, plain))
        cut.daemon = True
        cut.start()
        try:
            connection.sock = (
                ssl.create_default_context().wrap_socket(plain, server_hostname=host)
                if parts.scheme == "https"
                else plain
            )
            path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            connection.request("GET", path, headers={"Accept": "image/*", "User-Agent": "Vitrine"})
            yield connection.getresponse()
        finally:
            cut.cancel()
            plain.close()


def _cut(plain: socket.socket) -> None:
    with suppress(OSError):
        plain.shutdown(socket.SHUT_RDWR)


def _body(answer: http.client.HTTPResponse) -> bytes:
    if answer.status != 200:  # a redirect may lead to a private host
        raise UnusablePicture(f"status {answer.status}")
    if not answer.headers.get_content_type().startswith("image/"):
        raise UnusablePicture(f"it is {answer.headers.get_content_type()}, not a picture")
    body = answer.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise UnusablePicture(f"larger than {MOST_BYTES} bytes")
    return body


def _embedded(address: str) -> bytes:
    """Return the bytes of a `data:` address."""
    head, comma, data = address[5:].partition(",")
    if not comma or len(data) > 3 * MOST_BYTES:
        raise UnusablePicture("a data address without data, or with too much")
    try:
        raw = unquote_to_bytes(data)
        return base64.b64decode(raw, validate=True) if head.lower().endswith(";base64") else raw
    except binascii.Error as error:
        raise UnusablePicture("its data are not base64") from error


def _is_due(name: Path) -> bool:
    """Return whether an address has no picture yet and did not fail lately."""
    failed = name.with_suffix(FAILURE_ENDING)
    if failed.exists() and time.time() - failed.stat().st_mtime < RETRY_SECONDS:
        return False
    return not name.with_suffix(PICTURE_ENDING).exists()


def _keep(address: str, name: Path, *, deadline: float, read: Callable[[str], bytes]) -> None:
    """Write the picture of an address, or a file that says why there is none."""
    if time.monotonic() > deadline:
        return
    try:
        small = _small(read(address))
    except UnusablePicture as error:
        name.with_suffix(FAILURE_ENDING).write_text(str(error), encoding="utf-8")
        return
    unfinished = name.with_suffix(".part")
    unfinished.write_bytes(small)
    unfinished.replace(name.with_suffix(PICTURE_ENDING))
    name.with_suffix(FAILURE_ENDING).unlink(missing_ok=True)


def _small(raw: bytes) -> bytes:
    """Return the picture as a PNG of the size that the network sees. Raises UnusablePicture."""
    from PIL import Image

    try:
        with Image.open(BytesIO(raw), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UnusablePicture(f"more than {MOST_PIXELS} pixels")
            small = picture.convert("RGB").resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BICUBIC)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnusablePicture(f"it is no {', '.join(FORMATS)}: {error}") from error
    out = BytesIO()
    small.save(out, "PNG")
    return out.getvalue()
