"""Experiments: what their policies ask before and after a step."""

from config import env

# Units that the control and the winner need before anything ships.
EXPERIMENT_MINIMUM_UNITS = env.integer("EXPERIMENT_MINIMUM_UNITS", 1_000, minimum=2)
# How long each stage of a ramp is watched, in hours.
EXPERIMENT_STAGE_HOURS = env.number("EXPERIMENT_STAGE_HOURS", 24.0, minimum=0.0)
# Numbers that are older ship nothing, in hours.
EXPERIMENT_STALE_HOURS = env.number("EXPERIMENT_STALE_HOURS", 1.0, minimum=0.0)
# A policy does not repeat for so many hours what a person has undone or declined.
EXPERIMENT_REST_HOURS = env.number("EXPERIMENT_REST_HOURS", 24.0, minimum=0.0)
