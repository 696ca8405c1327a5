"""Free ports on the loopback interface."""

import contextlib
import errno
import socket

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Return whether nobody listens on the port, on loopback or on any other interface, and nobody claims it.

    Also not on `::1`, where we do not listen: a browser that is told `localhost` looks there first.
    """
    for family, address in ((socket.AF_INET, LOOPBACK), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            # A machine without IPv6 has nobody there.
            if family == socket.AF_INET or error.errno == errno.EADDRINUSE:
                return False
    try:
        claim(port).close()
    except OSError:
        return False
    return True


def pick(preferred: int | None = None) -> int:
    """Return the preferred port when it is free, else any free one."""
    port = preferred
    while port is None or not is_free(port):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = number(probe)
    return port


def claim(port: int) -> socket.socket:
    """Return a socket that, while it is open, keeps other demos from a port that a server of ours binds in a moment.

    It is of UDP, which none of these servers speaks, so it is in nobody's way. Raises OSError where another claims it.
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
        # Another may be quicker than we between the two.
        with contextlib.suppress(OSError):
            return claim(pick(preferred))


def hold(preferred: int | None = None) -> socket.socket:
    """Return a socket on the port that `pick` returns; until it is closed, nobody else is given that port."""
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # For connections that ended on it a moment ago. One that listens is not shared, whatever others ask for.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, pick(preferred)))
            listener.listen()
        except OSError:
            # Another was quicker than we between `pick` and here.
            listener.close()
        else:
            return listener


def number(listener: socket.socket) -> int:
    """Return the port that the socket holds."""
    port: int = listener.getsockname()[1]
    return port


def answers(port: int) -> bool:
    """Return whether somebody accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False
