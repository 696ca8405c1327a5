"""How long personal data are kept, in days; 0: until they are erased. A daily task deletes what is over."""

from config import env

# Since it happened. An event goes earlier where no purpose that it may be used for keeps it that long.
EVENTS_RETENTION_DAYS = env.integer("EVENTS_RETENTION_DAYS", 730, minimum=0)
# Since it was placed: as long as the tax law asks for.
ORDERS_RETENTION_DAYS = env.integer("ORDERS_RETENTION_DAYS", 3650, minimum=0)
# Attributes and links between ids, since the last event or order of the shopper.
CUSTOMERS_RETENTION_DAYS = env.integer("CUSTOMERS_RETENTION_DAYS", 1095, minimum=0)
# Since the last interaction, attribute, refusal or link between ids.
PROFILES_RETENTION_DAYS = env.integer("PROFILES_RETENTION_DAYS", 730, minimum=0)
REJECTED_EVENTS_RETENTION_DAYS = env.integer("REJECTED_EVENTS_RETENTION_DAYS", 90, minimum=0)
# Who saw which arm of an archived experiment, since it ended. Results stay.
EXPERIMENTS_RETENTION_DAYS = env.integer("EXPERIMENTS_RETENTION_DAYS", 395, minimum=0)
