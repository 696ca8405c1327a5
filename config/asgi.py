"""The ASGI application, for sockets and event streams."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from config.web_workers import end_with_parent, limit_waiting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Read when numpy is loaded. The matrix products of an answer are small, so threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

end_with_parent()
limit_waiting()
http = get_asgi_application()

from config.sockets import sockets  # noqa: E402  # its models need Django's setup

application = ProtocolTypeRouter({"http": http, "websocket": sockets})
