"""Free ports on the loopback interface."""

import contextlib
import errno
import socket

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Return whether the port is free: no listener on loopback or any other interface, and no claim.

    This includes `::1`, where we do not listen: a browser tries it first for `localhost`.
    """
    for family, address in ((socket.AF_INET, LOOPBACK), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            # a machine without IPv6 has no listener there
            if family == socket.AF_INET or error.errno == errno.EADDRINUSE:
                return False
    try:
        claim(port).close()
    except OSError:
        return False
    return True


def pick(preferred: int | None = None) -> int:
    """Return the preferred port if it is free, else any free one."""
    port = preferred
    while port is None or not is_free(port):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = number(probe)
    return port


def claim(port: int) -> socket.socket:
    """Return a socket that claims a port against other demos while it is open, until our server binds it.

    The socket is UDP, which none of these servers uses. Raises OSError if another process holds the claim.
    """
    claimed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        claimed.bind((LOOPBACK, port))
    except OSError:
        claimed.close()
        raise
    return claimed


def pick_and_claim(preferred: int | None = None) -> socket.socket:
    """Return a claim on the port that `pick` returns."""
    while True:
        # Another process may be faster between the two calls.
        with contextlib.suppress(OSError):
            return claim(pick(preferred))


def hold(preferred: int | None = None) -> socket.socket:
    """Return a listening socket on the port that `pick` returns; until it is closed nobody else gets that port."""
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # For connections that ended a moment ago. A listening port is not shared by this option.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, pick(preferred)))
            listener.listen()
        except OSError:
            # Another process was faster than we since `pick`.
            listener.close()
        else:
            return listener


def number(listener: socket.socket) -> int:
    """Return the socket's port."""
    port: int = listener.getsockname()[1]
    return port


def answers(port: int) -> bool:
    """Return whether the port accepts connections."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False
