"""The Celery application. Tasks take ids, use JSON, and stand in each room's `tasks.py`."""

import logging
import os
from typing import Any

import redis
from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("vitrine")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def take_stores(**more: Any) -> None:
    """Stop a worker on another installation's stores, whose models it would delete. Stores that are down do not."""
    from django.db import InterfaceError, OperationalError, connection

    from common import installation

    for name in installation.stores():
        try:
            installation.take(name)
        except installation.ForeignStoreError as error:
            raise SystemExit(error.detail) from error
        except (redis.RedisError, OperationalError, InterfaceError) as error:
            logging.getLogger(__name__).warning("worker.store_not_asked store=%s error=%s", name, error)
        finally:
            connection.close()
