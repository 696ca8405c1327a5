"""Doors that join rooms: the admin's home, a customer's page, the preview, the demo shop's pages.

Holds no models and decides nothing: every page reads the rooms' selectors and calls their services.
"""
