"""Serving and its schedule: snapshot refresh, time limit of a slot, sockets, times of training."""

from datetime import timedelta

from celery.schedules import crontab

from config import env

# "background": a thread of each process refreshes; "inline": each answer does (tests, commands).
SERVING_REFRESH = env.choice("SERVING_REFRESH", "background", choices=("background", "inline"))
SERVING_SLOT_MILLISECONDS = env.integer("SERVING_SLOT_MILLISECONDS", 150, minimum=1)
# A request that waited longer for a worker is answered 503: its shopper is gone, and others wait behind it.
SERVING_MOST_WAIT_MILLISECONDS = env.integer("SERVING_MOST_WAIT_MILLISECONDS", 500, minimum=1)
# Open sockets of recommendations of one process; more are told to try again later.
PUSH_MOST_SOCKETS = env.integer("PUSH_MOST_SOCKETS", 5_000, minimum=1)

TRAINING_HOUR = env.integer("TRAINING_HOUR", 3, minimum=0, maximum=23)
# Interval of increments of the live model; 0: none.
INCREMENT_MINUTES = env.integer("INCREMENT_MINUTES", 5, minimum=0)
# Interval of fits of the segments by likeness; 0: none. The method: mini-batch k-means or BIRCH.
SEGMENT_REFIT_HOURS = env.integer("SEGMENT_REFIT_HOURS", 24, minimum=0)
SEGMENT_ENGINE = env.choice("SEGMENT_ENGINE", "kmeans", choices=("kmeans", "birch"))
# A night's work is not repeated in the next night. (The option's name is the scheduler's, which keeps tasks in rows.)
SAME_NIGHT = 6 * 3600
# Nightly, in UTC. The scheduler copies the times into the admin's periodic tasks. A time changed there stays until it
# is changed here.
CELERY_BEAT_SCHEDULE = {
    "nightly training": {
        "task": "modelops.train",
        "schedule": crontab(hour=TRAINING_HOUR, minute=17),
        "options": {"expire_seconds": SAME_NIGHT},
    },
    # Before the training: afterwards the model knows the day that it is compared with.
    "nightly drift watch": {
        "task": "modelops.watch_drift",
        "schedule": crontab(hour=(TRAINING_HOUR - 1) % 24, minute=47),
        "options": {"expire_seconds": SAME_NIGHT},
    },
    "increments": {
        "task": "modelops.increment",
        "schedule": timedelta(minutes=max(1, INCREMENT_MINUTES)),
        # An increment that waited for a worker too long is dropped.
        "options": {"expire_seconds": 60 * max(1, INCREMENT_MINUTES)},
    },
    "segment fits": {
        "task": "profiles.refit_segments",
        "schedule": timedelta(hours=max(1, SEGMENT_REFIT_HOURS)),
        "options": {"expire_seconds": 3600},
    },
    "segment sizes": {
        "task": "profiles.count_segments",
        "schedule": crontab(minute=3),
        "options": {"expire_seconds": 3600},
    },
    "performance of placements": {
        "task": "events.count_performance",
        "schedule": timedelta(minutes=1),
        "options": {"expire_seconds": 60},
    },
    "policies of experiments": {
        "task": "experiments.apply_policies",
        "schedule": timedelta(seconds=30),
        "options": {"expire_seconds": 30},
    },
    # A look that the plan of a group-sequential test asks for must not wait long.
    "looks of experiments": {
        "task": "experiments.take_looks",
        "schedule": timedelta(minutes=1),
        "options": {"expire_seconds": 60},
    },
    "old inputs of answers": {
        "task": "personalization.forget_old_inputs",
        "schedule": crontab(minute=23),
        "options": {"expire_seconds": 3600},
    },
    "audit log": {
        "task": "audit.verify",
        "schedule": crontab(minute=33),
        "options": {"expire_seconds": 3600},
    },
    # An export whose worker died is written again; old files are deleted.
    "exports of the audit log": {
        "task": "audit.resume_exports",
        "schedule": timedelta(minutes=1),
        "options": {"expire_seconds": 60},
    },
    # Failed requests are tried again, and those whose worker died.
    "privacy requests": {
        "task": "consents.tend_requests",
        "schedule": timedelta(minutes=1),
        "options": {"expire_seconds": 60},
    },
    # After the training: it may learn from the last day of what is deleted.
    "retention": {
        "task": "consents.delete_old_data",
        "schedule": crontab(hour=(TRAINING_HOUR + 2) % 24, minute=41),
        "options": {"expire_seconds": SAME_NIGHT},
    },
    # After the deletion of old data: what is left then is out of line.
    "practice audit": {
        "task": "consents.audit_practice",
        "schedule": crontab(hour=(TRAINING_HOUR + 3) % 24, minute=11),
        "options": {"expire_seconds": SAME_NIGHT},
    },
    # An import whose worker died continues with the next one.
    "interrupted imports": {
        "task": "catalog.resume_imports",
        "schedule": timedelta(minutes=1),
        "options": {"expire_seconds": 60},
    },
}
