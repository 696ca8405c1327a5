"""What to show: placements, rules, and the serving that answers a request.

Every request gets an answer, and every item a reason. Nobody is profiled without consent.
"""
