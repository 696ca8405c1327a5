"""Where a request comes from: the country, and for some countries a part of it. The address itself is dropped here."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from access.throttles import address_of
from consents.rules import normalize_region

log = logging.getLogger(__name__)
Resolver = Callable[[str], str | None]


def region_of(request: HttpRequest) -> str | None:
    """Return the region by the header that the shop's proxy sets, else by the configured resolver, else None.

    A resolver that raises, as some do for addresses they do not know, tells no region: then the strictest rule holds.
    """
    header = settings.CONSENT_REGION_HEADER
    if header and (region := normalize_region(request.META.get(_meta_name(header)))):
        return region
    if not settings.CONSENT_REGION_RESOLVER:
        return None
    try:
        return normalize_region(_resolver(settings.CONSENT_REGION_RESOLVER)(address_of(request)))
    except (LookupError, OSError, RuntimeError, ValueError) as error:
        log.warning("consent.region_unknown error=%s", type(error).__name__)  # its words may hold the address
        return None


def _meta_name(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


@lru_cache(maxsize=4)
def _resolver(path: str) -> Resolver:
    return cast(Resolver, import_string(path))
