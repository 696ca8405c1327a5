"""The demo shop's pages, rendered by the server; its carousels are filled in the browser through our API.

The shop uses Vitrine like any other shop: it has a publishable key, signs its shopper's id, and sends orders from its
server.
"""
