"""The apps, in the order of the rooms, and the middleware."""

from config import env

ROOMS = [
    "audit",
    "access",
    "catalog",
    "customers",
    "consents",
    "events",
    "profiles",
    "experiments",
    "modelops",
    "personalization",
    "portal",
]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "config.admin_app.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "channels",
    "django_celery_beat",
    *ROOMS,
    *(["demo"] if env.flag("DEMO") else []),
]

MIDDLEWARE = [
    "portal.request_gauges.RequestGauges",
    "portal.content_policy.ContentPolicy",
    "portal.shop_ids.ShopIds",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "access.middleware.CorsMiddleware",
    "common.caching.NoStore",
    "common.queueing.QueueLimit",
    "common.problems.ProblemMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal.hosts.HostCheck",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
