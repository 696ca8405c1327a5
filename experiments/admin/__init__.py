"""The admin pages of experiments."""

from experiments.admin import experiments, metrics, namespaces  # noqa: F401
