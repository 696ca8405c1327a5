"""Whether we may: purposes, policy texts, decisions and their proof.

Promises that a decision is never lost or altered, that the latest one by event time wins whatever the order of
arrival, and that a withdrawal holds from the next request on: the cache in Redis is written before the answer.
"""
