"""What the exit codes of every command mean."""

import signal
from typing import Final

OK: Final = 0
SOME_FAILED: Final = 1  # finished, but some cases have no result, or none that can be used
USAGE: Final = 2
INVALID_INPUT: Final = 3  # nothing could be run: a reference or a whole folder can't be read
ENVIRONMENT: Final = 4  # the output can't be written, or an extra is not installed
INTERRUPTED: Final = 128 + int(signal.SIGINT)
TERMINATED: Final = 128 + int(signal.SIGTERM)
