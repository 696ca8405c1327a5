"""The address of MLflow's own pages."""

from urllib.parse import quote, urlsplit

from django.conf import settings


def tracking_page() -> str:
    """Return the page of the registered model in MLflow; "" where no server is configured. It holds no credentials."""
    address = urlsplit(settings.MLFLOW_TRACKING_URI)
    if address.scheme not in ("http", "https"):
        return ""
    host = address.netloc.rpartition("@")[2]
    return f"{address.scheme}://{host}{address.path.rstrip('/')}/#/models/{quote(settings.MLFLOW_NAME, safe='')}"
