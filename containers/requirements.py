"""Print the requirements that pyproject.toml pins: the core's, and those of the extras that are named."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
wanted = [*project["dependencies"]]
for extra in sys.argv[1:]:
    wanted += [one for one in project["optional-dependencies"][extra] if not one.startswith(project["name"])]
sys.stdout.write("\n".join(wanted) + "\n")
