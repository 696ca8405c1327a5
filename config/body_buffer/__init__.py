"""The process `buffer`: reads each request body whole, then passes the request on to `web`.

A worker of `web` that waits for a body serves nobody else. Here a waiting body costs a few kilobytes. Slow senders are
cut off, and the memory for all bodies is limited: `uploads` holds the rules.
"""
