"""The errors a user can meet. Each is also the builtin a caller would catch; `exit_code` is what the CLI returns.

A message says what was expected, what came (name, value, path) and what to do.
"""


class EvfiError(Exception):
    """Base of all expected errors: printed as one line, never as a traceback."""

    exit_code = 2


class UserError(EvfiError, ValueError):
    """An argument or option that cannot work."""


class InputFileError(EvfiError, ValueError):
    """A file that is damaged, or not what its name says."""


class MissingInputError(EvfiError, FileNotFoundError):
    """A file or stream that is needed and absent."""


class OutputError(EvfiError, OSError):
    """An output that cannot be written (permission, disk full)."""


class CheckFailed(EvfiError, RuntimeError):  # noqa: N818 - the check did not err, it found something
    """A check ran and found something wrong."""

    exit_code = 1


class TimeBudgetUsed(EvfiError, TimeoutError):  # noqa: N818 - no fault, there is more to do
    """Training stopped at its time budget; running it again goes on from there."""

    exit_code = 75
