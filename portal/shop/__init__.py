"""The demo shop's pages, drawn by the server; their shelves are drawn in the browser through our own API.

The shop is a customer of Vitrine like any other: it holds a publishable key, signs its logged-in shopper's id, and
sends an order from its server.
"""
