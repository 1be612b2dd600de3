"""Where the command line speaks: results on stdout, everything else on stderr; errors as one line, exit 2."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from quant_triage.data import QuantTriageError

EXIT_USAGE = 2

err = Console(stderr=True, highlight=False, soft_wrap=True)
out = Console(highlight=False)


def say(text: str) -> None:
    """Tell people something on stderr, as it is: no markup is read from it."""
    err.print(escape(text))


def emit_json(value: object) -> None:
    """Print one JSON object on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn our own errors into one line on stderr and exit 2; an interruption into exit 130."""
    try:
        yield
    except QuantTriageError as error:
        err.print(f"[bold red]error:[/] {escape(' '.join(str(error).split()))}")
        raise typer.Exit(EXIT_USAGE) from error
    except KeyboardInterrupt as error:
        err.print("interrupted: run the same command again and it goes on from here")
        raise typer.Exit(130) from error
