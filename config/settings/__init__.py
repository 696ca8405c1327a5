"""Vitrine's settings, one file for each topic. All names are read from the environment through `config.env`."""

from config.settings.admin import *  # noqa: F403
from config.settings.api import *  # noqa: F403
from config.settings.apps import *  # noqa: F403
from config.settings.base import *  # noqa: F403
from config.settings.experiments import *  # noqa: F403
from config.settings.jobs import *  # noqa: F403
from config.settings.logs import *  # noqa: F403
from config.settings.retention import *  # noqa: F403
from config.settings.security import *  # noqa: F403
from config.settings.serving import *  # noqa: F403
from config.settings.shop import *  # noqa: F403
from config.settings.stores import *  # noqa: F403
