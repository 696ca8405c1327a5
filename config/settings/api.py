"""Django REST framework and the OpenAPI document."""

from limits import parse_many

from config import env

# Requests in a time, in the notation of `limits`: for a secret key in total, for a publishable key per client address.
RATE = "a number and a time, such as 1200/minute"


def one_rate(raw: str) -> bool:
    """Return whether the text is one rate: `limits` would ignore all but the first. Raises ValueError."""
    return len(parse_many(raw)) == 1


KEY_RATES = {
    "sk": env.checked("KEY_RATE_SECRET", "60000/minute", accepts=one_rate, expected=RATE),
    "pk": env.checked("KEY_RATE_PUBLISHABLE", "1200/minute", accepts=one_rate, expected=RATE),
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["access.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["access.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["access.throttles.KeyThrottle"],
    "DEFAULT_PARSER_CLASSES": ["common.parsers.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.negotiation.WhateverIsAccepted",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "common.problems.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
    # One proxy (Caddy) stands in front and writes the client's address into X-Forwarded-For.
    "NUM_PROXIES": 1,
}

START_HERE = """Collect what shoppers do, and answer with what each should see.

### Start here

1. **Keys.** Make them in the admin under *API keys*: `pk_…` for pages, `sk_…` for servers. *Authorize* sends one.
2. **Products.** `PUT /api/v1/products/{product_id}`, or many by `/api/v1/products/bulk`, with a secret key.
3. **Events.** `POST /v1/track` with the shopper's consent. Models learn only from events that allow `train_models`;
   consent given later does not count for events before it.
4. **Shelves.** `GET /api/v1/recommendations/home?anonymous_id=a1` answers what to show, and why.
5. **What came of it.** Send `Product List Viewed`, `Product Clicked` and `Order Completed` with `list_id`, which is the
   answer's `recommendation_id`.
"""
SPECTACULAR_SETTINGS = {
    "TITLE": "Vitrine",
    "DESCRIPTION": START_HERE,
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # Descriptions of all choices would take 150 lines for the currencies, at every field that has one.
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Two fields named `mode` with other choices.
    "ENUM_NAME_OVERRIDES": {
        "ConsentMode": "consents.models.decisions.MODES",
        "PolicyMode": ["off", "recommend", "approve", "automatic"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "common.openapi.describe_problems",
        "common.openapi.tell_defaults",
        "common.openapi.summarize",
        "common.openapi_order.arrange",
    ],
}
