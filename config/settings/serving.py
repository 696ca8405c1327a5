"""Serving: how a process keeps its snapshot fresh, and how long a slot of a page may take."""

from config import env

# "background": a thread of each process; "inline": before each answer (tests, commands).
SERVING_REFRESH = env.text("SERVING_REFRESH", "background")
SERVING_SLOT_MILLISECONDS = env.integer("SERVING_SLOT_MILLISECONDS", 150, least=1)
