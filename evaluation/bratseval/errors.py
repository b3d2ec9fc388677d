"""The one kind of error whose text is written for the person who runs the harness."""


class InputError(Exception):
    """What is wrong with a file, a folder or an argument, in words its owner can act on.

    The text reads `file: what is wrong, expected, got. What to do.` Several
    problems stand on lines of their own. Everything else that is raised is a
    defect of the harness and keeps its traceback.
    """


class UsageError(InputError):
    """A command's arguments are wrong, whatever the files hold: exit code 2, where other input errors are 3."""
