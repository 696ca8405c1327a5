"""Whether we may: purposes, policy texts, decisions and their proof.

A decision is never lost or altered. The latest one by event time wins, whatever the order of arrival. A withdrawal
holds from the next request on, because the cache in Redis is written before the answer.
"""
