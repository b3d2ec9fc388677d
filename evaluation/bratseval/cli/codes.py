"""The exit codes of every command of bratseval and bratseg."""

import signal
from typing import Final

OK: Final = 0
SOME_FAILED: Final = 1  # some cases have no usable result, or a stage of a training failed; each is named
USAGE: Final = 2  # an argument is wrong: an option, its value, or the place of the output; nothing was run
INVALID_INPUT: Final = 3  # a given file or folder cannot be used, or contains no valid case; nothing was run
ENVIRONMENT: Final = 4  # the output cannot be written, a process was killed, or an extra is not installed
INTERRUPTED: Final = 128 + int(signal.SIGINT)
TERMINATED: Final = 128 + int(signal.SIGTERM)
