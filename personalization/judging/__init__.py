"""The gate: may this model version replace the champion? Pure: arrays in, named checks out.

Promises that each refusal names its reason and its number, and that the same slates give the same verdict.
"""
