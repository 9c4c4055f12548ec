"""`symbolon` and `python -m node`."""

import os
import sys


def main() -> None:
    """Run one command line and end the process with its exit status."""
    from node.cli.app import run

    os.umask(0o077)  # what a node writes holds keys and personal data
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
