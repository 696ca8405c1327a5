"""Customers, and which ids are the same person.

An anonymous id belongs at any moment to the user of the latest identify; only alias joins users. Links are rows and
never change past events.
"""
