"""The one exception that a user is meant to see."""


class TinyireeError(Exception):
    """Something the user gave cannot be used.

    The message is complete: it names the op, file or option, what was expected, what was found
    and what to do. The command line prints it without a traceback and exits with code 2.
    """
