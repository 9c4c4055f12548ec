"""`symbolon` and `python -m node`."""

import sys


def main() -> None:
    """Run one command line and end the process with its exit status."""
    from node.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
