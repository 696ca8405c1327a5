"""A simulated shop with planted tastes, and real data sets by name: for development and tests only.

Wired in only where `settings.DEMO` is on. Everything it makes goes in through the same doors a real shop uses
(catalog services, the collector, the log), and it says that it is simulated.
"""
