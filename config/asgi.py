"""The ASGI application, for sockets and event streams."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from config.sockets import no_socket
from config.web_workers import end_with_parent, limit_waiting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Read when numpy is loaded. The matrix products of an answer are small, so threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

end_with_parent()
limit_waiting()
application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": no_socket})
