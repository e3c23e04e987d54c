"""`python -m hubwire.cli`: the same as the command `hubwire`."""

import sys

from hubwire.cli.command import main

if __name__ == "__main__":  # processes of a load test import this module again, under another name
    sys.exit(main())
