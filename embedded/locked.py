"""`python locked.py FILE PROGRAM …`: be the program, and the only one that holds the file."""

import fcntl
import os
import sys


def main() -> None:
    """Lock the file and become the program. Raises SystemExit where another process holds it."""
    file, *command = sys.argv[1:]
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SystemExit(f"another process holds {file}") from error
    # The program inherits the file without knowing it: the lock ends with the process, however that ends.
    os.set_inheritable(descriptor, True)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
