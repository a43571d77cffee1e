"""Becomes another program that the kernel ends together with its parent, even when the parent is killed.

`python -I -S tether.py <pid of the parent> <program> <argument>…`; a script, because it must start in milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # survives the exec


def main() -> None:
    parent, program, *arguments = sys.argv[1:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("The parent ended before the program began.")
    try:
        os.execvp(program, [program, *arguments])
    except OSError as error:
        sys.exit(f"{program!r} cannot be run: {error.strerror}.")


if __name__ == "__main__":
    main()
