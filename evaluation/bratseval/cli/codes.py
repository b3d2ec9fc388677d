"""What the exit codes of every command of bratseval and bratseg mean: this is their one source."""

import signal
from typing import Final

OK: Final = 0
SOME_FAILED: Final = 1  # finished, but some cases have no result, or none that can be used; each is named
USAGE: Final = 2  # the arguments are wrong: an option, its value, or where the output would lie; nothing was run
INVALID_INPUT: Final = 3  # a file or folder that was named can't be used, or holds no valid case; nothing was run
ENVIRONMENT: Final = 4  # the output can't be written, a process was killed, or an extra is not installed
INTERRUPTED: Final = 128 + int(signal.SIGINT)
TERMINATED: Final = 128 + int(signal.SIGTERM)
