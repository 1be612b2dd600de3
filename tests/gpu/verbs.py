"""The verbs train and merge alone, for a machine without what the others need (altair, spaCy, llama.cpp)."""

import atexit
import importlib
import sys
import types
from pathlib import Path

import typer

import quant_triage

for name in ("harness", "harness.cli"):
    bare = types.ModuleType(f"quant_triage.{name}")
    bare.__path__ = [str(Path(quant_triage.__path__[0]) / name.replace(".", "/"))]
    sys.modules[bare.__name__] = bare


@atexit.register
def show_attention() -> None:
    """Say whether cuDNN's attention was on when the verb ended: training must have switched it off."""
    if torch := sys.modules.get("torch"):
        print(f"cuDNN attention on: {torch.backends.cuda.cudnn_sdp_enabled()}", file=sys.stderr)


app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
app.command("train")(importlib.import_module("quant_triage.harness.cli._train").train)
app.command("merge")(importlib.import_module("quant_triage.harness.cli._merge").merge_adapter)
app()
