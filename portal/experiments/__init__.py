"""The page of an experiment's results: live over a socket, by polling, and on paper."""
