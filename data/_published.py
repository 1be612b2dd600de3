"""What may be published of where things lie on somebody's machine: reports travel, private paths do not."""

import re
from pathlib import Path

# A path from the root, where no word, address or relative path goes before it.
_ABSOLUTE = re.compile(r"(?<![\w.~/:-])/[^\s'\"`:,;()<>|]*[^\s'\"`:,;()<>|.]")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")


def public_path(path: str | Path) -> str:
    """Name a file or folder relative to the current folder, or by its name alone; others as they are."""
    path = Path(path)
    if not path.is_absolute():
        return path.as_posix()
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name or "/"


def without_credentials(text: str) -> str:
    """Drop user name and password from every address in a text."""
    return _CREDENTIALS.sub("", text)


def public_text(text: str) -> str:
    """Shorten every absolute path in a text as :func:`public_path` does; drop an address's credentials."""
    return without_credentials(_ABSOLUTE.sub(lambda found: public_path(found[0]), text))


def public_argument(argument: str) -> str:
    """Do the same to one argument of a command: a path, spaces and all, ``--option=path`` or an address."""
    option, equals, value = argument.partition("=")
    if equals and option.startswith("-"):
        return f"{option}={public_argument(value)}"
    return public_path(argument) if argument.startswith("/") else without_credentials(argument)
