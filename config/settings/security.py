"""Keys, hosts, cookies, users."""

from config import env
from config.settings.api import RATE, one_rate
from config.settings.base import DEMO

# May be empty only for commands that sign nothing: Django refuses to use an empty key.
SECRET_KEY = env.text("SECRET_KEY")
# Encrypts the subjects' keys of the audit log and the identity secrets of API keys, and makes pseudonyms of shoppers'
# ids. With a value of its own, SECRET_KEY can be changed; under another master key encrypted data is lost.
MASTER_KEY = env.secret("MASTER_KEY", min_length=32) or SECRET_KEY
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.listing("CSRF_TRUSTED_ORIGINS")

AUTH_USER_MODEL = "access.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Sign-in tries of one address.
SIGN_IN_RATE = env.checked("SIGN_IN_RATE", "100/hour", accepts=one_rate, expected=RATE)
# Requests of one address for a shopper's own page.
OWN_DATA_RATE = env.checked("OWN_DATA_RATE", "60/minute", accepts=one_rate, expected=RATE)
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"

# The proxy ends HTTPS and says so in this header.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
HTTPS = env.flag("HTTPS")
SECURE_SSL_REDIRECT = False
# A simulation may let the product's clock run fast. Consents, rules and numbers by day would then lie in the future.
FAST_CLOCK = env.flag("FAST_CLOCK", default=DEMO and not HTTPS)
if FAST_CLOCK and (HTTPS or not DEMO):
    raise env.BadSetting("FAST_CLOCK: production keeps the real time; only a demo (DEMO=1, without HTTPS) may run fast")
# W008 wants the redirect to HTTPS here, but the proxy does it.
SILENCED_SYSTEM_CHECKS = ["security.W008"]
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000, minimum=0) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
# Not in a cookie: a new API key is shown in a message.
MESSAGE_STORAGE = "access.messages.SealedStorage"
