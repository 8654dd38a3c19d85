"""`python -m torchkeep` is the command `torchkeep`, for whoever installed the package alone."""
import os
import sys

from .errors import NotFound
from .places import program

EXIT_NOT_FOUND = 3


def main() -> int:
    try:
        path = program("torchkeep")
    except NotFound as error:
        print(f"torchkeep: {error}", file=sys.stderr)
        return EXIT_NOT_FOUND
    sys.stdout.flush()
    os.execv(path, ["torchkeep", *sys.argv[1:]])


def run() -> None:
    """What a wheel's command `torchkeep` begins with."""
    sys.exit(main())


if __name__ == "__main__":
    run()
