"""`python locked.py FILE PROGRAM …`: lock the file and become the program, so that only one process runs it."""

import fcntl
import os
import sys


def main() -> None:
    """Lock the file and become the program. Raises SystemExit if another process holds the lock."""
    file, *command = sys.argv[1:]
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SystemExit(f"another process holds {file}") from error
    # The program inherits the open file without knowing it, so the lock ends with the process, however it ends.
    os.set_inheritable(descriptor, True)
    os.umask(0o077)  # what the program writes is for its own user alone
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
