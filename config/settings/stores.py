"""PostgreSQL, Redis, the event log and the model folder."""

from config import env

DATABASE_URL = env.text("DATABASE_URL") or "postgresql://vitrine_app@localhost/vitrine"
DATABASE_OWNER_URL = env.text("DATABASE_OWNER_URL") or DATABASE_URL
DATABASES = {
    "default": env.postgres(DATABASE_URL, name="DATABASE_URL"),
    # Migrations and test flushes; the app's own role cannot alter audit rows.
    "owner": {
        **env.postgres(DATABASE_OWNER_URL, name="DATABASE_OWNER_URL"),
        "CONN_MAX_AGE": 0,
        "TEST": {"MIRROR": "default"},
    },
}
DATABASE_APP_ROLE = env.text("DATABASE_APP_ROLE") or DATABASES["default"]["USER"]

REDIS_URL = env.redis("REDIS_URL", "redis://localhost:6379/0")
REDIS_BROKER_URL = env.redis("REDIS_BROKER_URL", env.redis_database(REDIS_URL, 1))
REDIS_CHANNELS_URL = env.redis("REDIS_CHANNELS_URL", env.redis_database(REDIS_URL, 2))

CHANNEL_LAYERS = {
    "default": {
        # By publish/subscribe: a message to a group is sent once to each process. The other backend waits for messages
        # in Redis, where redis-py loses the cancellation of a socket that closes.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_CHANNELS_URL]},
    },
}

EVENT_LOG_SHARDS = env.integer("EVENT_LOG_SHARDS", 4, minimum=1)
EVENT_LOG_MAX_BYTES = env.integer("EVENT_LOG_MAX_BYTES", 2 * 1024**3, minimum=1024**2)
# The log is trimmed after this time, behind every consumer; older offsets are read from PostgreSQL.
EVENT_LOG_RETENTION_HOURS = env.integer("EVENT_LOG_RETENTION_HOURS", 168, minimum=0)

# How long an event of a shopper who decided nothing yet waits for the decision, where it needs a yes; 0: not at all.
CONSENT_WAIT_SECONDS = env.integer("CONSENT_WAIT_SECONDS", 8, minimum=0)
CONSENT_WAIT_MAX_BYTES = env.integer("CONSENT_WAIT_MAX_BYTES", 64 * 1024**2, minimum=1024**2)

MODEL_DIR = env.path("MODEL_DIR", "var/models")
# Number of newest versions whose artefacts are kept, besides the live one and the one a rollback leads to; 0: all.
MODELS_KEPT = env.integer("MODELS_KEPT", 14, minimum=0)

# How long past answers can be recomputed (`manage.py replay`): days for which changes of products, live counts and the
# models that were live are kept, and the number of increments whose files are kept in that time.
REPLAY_DAYS = env.integer("REPLAY_DAYS", 7, minimum=0)
REPLAY_INCREMENTS = env.integer("REPLAY_INCREMENTS", 24, minimum=0)

# The audit log's signing key, created at the first start. Keep it out of the database and in the backup.
AUDIT_KEY_FILE = env.path("AUDIT_KEY_FILE", "var/audit/signing.key")
# Where signed checkpoints are published: a folder, or an address that takes POST; best one this host cannot change.
AUDIT_PUBLISH_TO = env.text("AUDIT_PUBLISH_TO")
if not AUDIT_PUBLISH_TO.startswith(("http://", "https://")):
    AUDIT_PUBLISH_TO = str(env.path("AUDIT_PUBLISH_TO", "var/audit/checkpoints"))
AUDIT_PUBLISH_SECONDS = env.integer("AUDIT_PUBLISH_SECONDS", 10, minimum=1)
# Keyed marks of erased ids, so that a restored backup brings nobody back. Leave it out of that backup.
ERASURE_MARKS_FILE = env.path("ERASURE_MARKS_FILE", str(AUDIT_KEY_FILE.with_name("erasure-marks.txt")))
# Finished exports are deleted after this time.
AUDIT_EXPORT_DAYS = env.integer("AUDIT_EXPORT_DAYS", 7, minimum=1)
