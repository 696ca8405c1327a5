"""Shoppers' profiles: bounded histories and the traits computed from them, rebuilt from the log at any time.

State is kept by raw id. It is the same in whatever order and however often events arrive, and is merged to a person
when it is read. Events whose subject did not allow personalization leave nothing here.
"""
