"""`python -m config.body_buffer`: listen on BUFFER, pass on to WEB (host:port both)."""

import asyncio
import logging
import resource
import signal

from config import env
from config.body_buffer.server import Server
from config.body_buffer.uploads import Uploads
from config.body_buffer.web import Web


def address(name: str, default: str) -> tuple[str, int]:
    """Return the host and port of a variable `host:port`. Raises BadSetting."""
    raw = env.text(name) or default
    host, _, port = raw.rpartition(":")
    if not host or not port.isdecimal():
        raise env.BadSetting(f"{name}={raw!r}: expected host:port")
    return host, int(port)


async def run() -> None:
    """Serve until SIGTERM or Ctrl-C; then wait for answers to what has arrived."""
    uploads = Uploads(max_bytes=env.integer("BUFFER_MAX_BYTES", 128 * 1024 * 1024, minimum=1024 * 1024))
    server = Server(Web(*address("WEB", "127.0.0.1:8001")), uploads)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listening = await server.start(*address("BUFFER", "127.0.0.1:8003"))
    sweep = asyncio.create_task(server.sweep())
    await stop.wait()
    listening.close()
    sweep.cancel()
    await server.finish()


def main() -> None:
    """Run the process. Each arriving body needs a file descriptor, so take all that the system allows."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(run())


main()
