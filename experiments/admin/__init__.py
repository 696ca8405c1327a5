"""The admin pages of experiments."""

from experiments.admin import experiments, namespaces  # noqa: F401
