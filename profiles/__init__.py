"""What we know about a shopper: bounded histories and the traits folded from them, disposable, rebuilt from the log.

State is kept by raw id, is the same in whatever order and however often events arrive, and is merged to a person only
when it is read. Nothing is kept of events whose subject did not allow personalization.
"""
