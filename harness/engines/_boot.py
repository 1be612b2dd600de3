"""Start a child process with the engine alone: ``python -P _boot.py MODULE ARGUMENT…``.

Importing a module of a package imports the package, and the harness brings statistics and grading along:
seconds and hundreds of megabytes that a child pays for each model, and that would be counted as the model's
own. Here both packages are entered as bare folders instead.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType


def main() -> None:
    """Run ``main`` of the engine module that the first argument names."""
    here = Path(__file__).resolve().parent
    package = "quant_triage.harness.engines"
    for name, folder in ((package.rpartition(".")[0], here.parent), (package, here)):
        bare = ModuleType(name)
        bare.__path__ = [str(folder)]
        sys.modules[name] = bare
    importlib.import_module(f"{package}.{sys.argv.pop(1)}").main()


if __name__ == "__main__":
    main()
