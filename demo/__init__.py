"""A simulated shop with planted tastes, and real data sets by name: for development and tests only.

This room is active only with `settings.DEMO`. Its data enter through the same interfaces as those of a real shop:
catalog services, the collector, the log.
"""
