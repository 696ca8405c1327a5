"""The WSGI application: REST, admin, pages."""

import os

from django.core.wsgi import get_wsgi_application

from config.request_bodies import read_to_the_end, with_length
from config.response_bodies import closed_always
from config.web_workers import end_with_parent, limit_waiting, load_early

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Read when numpy is loaded. The matrix products of an answer are small, so threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

end_with_parent()
limit_waiting()
application = closed_always(read_to_the_end(with_length(get_wsgi_application())))
load_early()
