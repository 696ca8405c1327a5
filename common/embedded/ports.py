"""Free ports on the loopback interface."""

import socket

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Return whether nobody listens on the port, on loopback or on any other interface."""
    for address in (LOOPBACK, "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def pick(preferred: int | None = None) -> int:
    """Return the preferred port when it is free, else any free one."""
    if preferred is not None and is_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def hold(preferred: int | None = None) -> socket.socket:
    """Return a socket on the port that `pick` returns; until it is closed, nobody else is given that port."""
    while True:
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # For connections that ended on it a moment ago. One that listens is not shared, whatever others ask for.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((LOOPBACK, pick(preferred)))
            held.listen()
        except OSError:
            # Another was quicker than we between `pick` and here.
            held.close()
        else:
            return held


def number(held: socket.socket) -> int:
    """Return the port that the socket holds."""
    port: int = held.getsockname()[1]
    return port


def answers(port: int) -> bool:
    """Return whether somebody accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5):
            return True
    except OSError:
        return False
