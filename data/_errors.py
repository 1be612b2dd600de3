"""The whole tree of errors.

    QuantTriageError
    ├── UsageError              the caller can mend it: a flag, a name, a missing file
    │   └── FileFormatError     a file is malformed: names file, line and field
    ├── NotEnoughSpaceError     the disk is full, or would be
    ├── IntegrityError          a journal or result contradicts its own plan
    └── ModelError              a model did not load, crashed, hung or produced NaN

The command line turns each into one line on stderr and exit code 2, except ModelError: that is
recorded as the model's outcome, and the other models go on.
"""

from pathlib import Path

_LONGEST = 1200


class QuantTriageError(Exception):
    """Base of every error that this project raises on purpose; its text is one line for the user.

    What a hostile file calls itself may be megabytes long: of over 1,200 characters the middle is left out.
    """

    def __init__(self, message: str = ""):
        half = _LONGEST // 2
        super().__init__(message if len(message) <= _LONGEST else f"{message[:half]} [...] {message[-half:]}")


class UsageError(QuantTriageError):
    """The caller can mend it; the message names the offending value and the way out."""


class FileFormatError(UsageError):
    """A file is malformed.

    Args:
        path: The file.
        problem: What is wrong, with the offending value in ``!r``.
        line: Line number, counted from 1, if known.
        field: Dotted path of the field, if known.
    """

    def __init__(self, path: Path | str, problem: str, *, line: int | None = None, field: str | None = None):
        self.path = Path(path)
        self.problem = problem
        self.line = line
        self.field = field
        where = str(path) if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {f'field {field!r}: ' if field else ''}{problem}")


class NotEnoughSpaceError(QuantTriageError):
    """The disk is full, or would be: stopped cleanly with everything written so far intact."""


class IntegrityError(QuantTriageError):
    """A journal or result contradicts its own plan: something is missing, doubled or mixed."""


class ModelError(QuantTriageError):
    """A model did not load, crashed, hung or produced NaN.

    Args:
        status: Short machine-readable outcome, such as ``"crashed"``.
        cause: One sentence for people.
    """

    def __init__(self, status: str, cause: str):
        self.status = status
        self.cause = cause
        super().__init__(f"{status}: {cause}")
