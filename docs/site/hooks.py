"""What the site holds beyond the pages in this folder: generated ones, and patterns in the nav."""

import json
from fnmatch import fnmatch
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from reference import pages, schemas

NavItem = str | dict[str, "NavItem | list[NavItem]"]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that a pattern matches in its place."""
    known = [*pages(), *(path.relative_to(config.docs_dir).as_posix() for path in _written(config))]
    config.nav = _expanded(config.nav or [], sorted(known))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are generated from code, and the schemas as files to download."""
    for uri, text in pages().items():
        files.append(File.generated(config, uri, content=text))
    for name, schema in schemas().items():
        uri = f"reference/schemas/{name}.schema.json"
        files.append(File.generated(config, uri, content=json.dumps(schema, indent=2, ensure_ascii=False)))
    return files


def _written(config: MkDocsConfig) -> list[Path]:
    return sorted(Path(config.docs_dir).rglob("*.md"))


def _expanded(items: list[NavItem], known: list[str]) -> list[NavItem]:
    done: list[NavItem] = []
    for item in items:
        if isinstance(item, str):
            done += [page for page in known if fnmatch(page, item)] if "*" in item else [item]
            continue
        ((title, below),) = item.items()
        if isinstance(below, str) and "*" in below:
            below = [below]
        done.append({title: _expanded(below, known) if isinstance(below, list) else below})
    return done
