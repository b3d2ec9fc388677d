"""What the exit codes of every command mean."""

import signal
from typing import Final

OK: Final = 0
SOME_FAILED: Final = 1  # finished, but some cases have no prediction that can be used
USAGE: Final = 2
INVALID_INPUT: Final = 3  # a reference or a whole folder can't be read; nothing was written
ENVIRONMENT: Final = 4  # the output can't be written, …
INTERRUPTED: Final = 128 + int(signal.SIGINT)
TERMINATED: Final = 128 + int(signal.SIGTERM)
