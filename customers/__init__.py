"""Customers, and which ids are the same person.

An anonymous id belongs at any moment to the user who claimed it last; only alias joins users. Links are rows and
never change past events.
"""
