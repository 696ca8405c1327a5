"""Tables of consent: what is asked and what was answered, and the requests of shoppers about their data."""

from consents.models.decisions import (
    RESERVED_NAMES,
    ConsentEvent,
    ConsentKey,
    ConsentState,
    PolicyText,
    Purpose,
    RegionRule,
)
from consents.models.requests import (
    ErasureMark,
    IdentityMethod,
    Kind,
    PrivacyRequest,
    Regime,
    RequestStatus,
    StoreState,
    StoreStep,
)

__all__ = [
    "RESERVED_NAMES",
    "ConsentEvent",
    "ConsentKey",
    "ConsentState",
    "ErasureMark",
    "IdentityMethod",
    "Kind",
    "PolicyText",
    "PrivacyRequest",
    "Purpose",
    "Regime",
    "RegionRule",
    "RequestStatus",
    "StoreState",
    "StoreStep",
]
