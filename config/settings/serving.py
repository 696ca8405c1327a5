"""Serving: how a process keeps its snapshot fresh, how long a slot of a page may take, when models are trained anew."""

from datetime import timedelta

from celery.schedules import crontab

from config import env

# "background": a thread of each process; "inline": before each answer (tests, commands).
SERVING_REFRESH = env.choice("SERVING_REFRESH", "background", choices=("background", "inline"))
SERVING_SLOT_MILLISECONDS = env.integer("SERVING_SLOT_MILLISECONDS", 150, minimum=1)

TRAINING_HOUR = env.integer("TRAINING_HOUR", 3, minimum=0, maximum=23)
# How often the live model learns again what is learnt in seconds; 0: only when it is trained.
INCREMENT_MINUTES = env.integer("INCREMENT_MINUTES", 5, minimum=0)
# One night's work is not made up for in the next. (The option's name is the scheduler's, which keeps tasks in rows.)
SAME_NIGHT = 6 * 3600
# Nightly, in UTC. The schedule is copied into the admin's periodic tasks, where it may be moved: it stays there until
# another time is said here.
CELERY_BEAT_SCHEDULE = {
    "nightly training": {
        "task": "modelops.train",
        "schedule": crontab(hour=TRAINING_HOUR, minute=17),
        "options": {"expire_seconds": SAME_NIGHT},
    },
    # Before the training: afterwards the model knows the day that it would be held against.
    "nightly drift watch": {
        "task": "modelops.watch_drift",
        "schedule": crontab(hour=(TRAINING_HOUR - 1) % 24, minute=47),
        "options": {"expire_seconds": SAME_NIGHT},
    },
    "increments": {
        "task": "modelops.increment",
        "schedule": timedelta(minutes=max(1, INCREMENT_MINUTES)),
        # One that waited for a worker is not made up for.
        "options": {"expire_seconds": 60 * max(1, INCREMENT_MINUTES)},
    },
}
