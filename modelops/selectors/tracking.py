"""Addresses of MLflow's own pages. None holds credentials; all are "" where no server with pages is configured."""

from urllib.parse import quote, urlsplit

from django.conf import settings

from modelops.models import ModelVersion


def tracking_page() -> str:
    """Return the page of the registered model, with all its versions."""
    server = _server()
    return f"{server}/#/models/{quote(settings.MLFLOW_NAME, safe='')}" if server else ""


def run_page(version: ModelVersion | None) -> str:
    """Return the page of a version's run; "" also before the version was copied to MLflow."""
    server = _server()
    if not server or version is None or not version.tracking_run:
        return ""
    experiment, _, run = version.tracking_run.partition("/")
    return f"{server}/#/experiments/{quote(experiment, safe='')}/runs/{quote(run, safe='')}"


def _server() -> str:
    address = urlsplit(settings.MLFLOW_TRACKING_URI)
    if address.scheme not in ("http", "https"):
        return ""
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path.rstrip('/')}"
