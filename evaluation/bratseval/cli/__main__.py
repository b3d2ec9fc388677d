"""python -m bratseval.cli."""

import sys

from bratseval.cli import main

if __name__ == "__main__":  # processes that score in parallel import this file once more
    sys.exit(main())
