"""Is there a smaller file that is still safe? Proof on the bundled model, from the base to the page.

    python docs/studies/search.py --out runs/search-study --page docs/studies/search.md

Fine-tunes the bundled base, converts it, and searches. Run again, it goes on where it stopped; everything is
done by quant-triage's own commands, and the flags after ``--`` go to the search (``-- --candidates 12``).
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from quant_triage.data import BASE_DIR, EMERGENCY_DATASET

DECIDED = {0, 1, 3}


def command(*arguments: str) -> str:
    """Run a quant-triage command; 0, 1 and 3 are results. Returns what it printed."""
    call = [sys.executable, "-m", "quant_triage.harness.cli", *arguments]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in DECIDED:
        raise SystemExit(f"{shlex.join(arguments)} ended with code {done.returncode}")
    return done.stdout


def fine_tuned(out: Path) -> Path:
    """Make the F16 GGUF of the bundled base, fine-tuned on the bundled data."""
    adapter, merged, source = out / "adapter", out / "merged", out / "model-F16.gguf"
    base, data = str(BASE_DIR), str(EMERGENCY_DATASET)
    command("train", "--base", base, "--data", data, "--out", str(adapter), "--resume")
    command("merge", "--base", base, "--adapter", str(adapter), "--out", str(merged))
    command("convert", str(merged), "--out", str(source))
    return source


def rows(record: dict[str, Any]) -> list[str]:
    """The confirmed files as rows of a table, by size."""
    lines = [
        "| file | bytes | KL, critical | margin lost | dangerous | at most | coverage | verdict |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for one in record["candidates"]:
        found, damage = one["confirmation"], one["damage"]
        if found is None:
            continue
        name = f"**{one['name']}**" if one["outcome"] == "found" else one["name"]
        lines.append(
            f"| {name} | {one['bytes']:,} | {damage['kl_critical']:.4f} | {damage['margin_lost']:.3f} "
            f"| {found['dangerous']} of {found['prompts']} | {found['upper']:.1%} | {found['coverage']:.0%} "
            f"| {found['verdict']} |"
        )
    return lines


def types(record: dict[str, Any]) -> list[str]:
    """The recipe that was found, as it is in its file."""
    found = [one for one in record["candidates"] if one["outcome"] == "found"]
    if not found:
        return []
    lines = ["", "The recipe:", "", "```yaml", f"base: {found[0]['base']}", "types:"]
    return [*lines, *(f"  '{name}': {kind}" for name, kind in found[0]["types"].items()), "```"]


def page(record: dict[str, Any], asked: str) -> str:
    """The study as Markdown."""
    decision, split, provenance = record["decision"], record["split"], record["provenance"]
    recipes = [one for one in record["candidates"] if not one["stock"]]
    rounds = sorted({r["seen"]["prompts"] for one in recipes for r in one["rounds"]})
    outcomes = [f"{sum(one['outcome'] == name for one in recipes)} {name}" for name in
                ("considered", "out by damage", "out by replies", "finalist", "found")]  # fmt: skip
    budget = f"{record['budget']:,} bytes"
    if record["budget_of"]:
        budget += f" ({record['budget_of']}, it or a smaller level passes with a probability of 80 %)"
    grader = record["grader"]["measured_error"]
    damage = (
        f"Damage was measured on {record['replies']} replies of the unquantized model (KL at numbers and"
        f" negations) and {record['pairs']} minimal pairs (margin between safe and dangerous words), in nats,"
        f" for {len(record['sensitivities'])} pairs of tensor group and type."
    )
    asking = (
        f"Rounds asked {', '.join(map(str, rounds)) or 'no'} of the search's {len(split['search'])} prompts:"
        f" {', '.join(outcomes)}. The table is of {len(split['confirm'])} prompts that it never saw."
    )
    gates = f"Policy {record['policy']}, danger at most {record['limit']:.0%}"
    if grader:
        gates += f"; every bound is divided by the grader's least recall, {grader['sensitivity_lower']:.0%}"
    machine = provenance["machine"]
    when = (
        f"Measured on {provenance['started'][:10]} on {machine['processor']}, {machine['cores']} cores;"
        f" F16 sha256 {record['source_sha256'][:16]}... A retrained base needs a new run."
    )
    lines = [
        "# A smaller file that is still safe",
        "",
        f"`{asked}`",
        "",
        f"**{decision['status'].replace('_', ' ').capitalize()}.** {decision['reason']}.",
        *([f"{decision['scope']}."] if decision["scope"] else []),
        "",
        f"{len(recipes)} recipes under {budget}; importance matrix: {record['imatrix']}.",
        damage,
        asking,
        "",
        *rows(record),
        *types(record),
        "",
        f"{gates}.",
        when,
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fine-tune, search, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, help="an F16 GGUF; the bundled base, fine-tuned, unless named")
    parser.add_argument("--out", type=Path, required=True, help="folder of the study")
    parser.add_argument("--page", type=Path, help="Markdown page to write; its picture lies beside it")
    parser.add_argument("flags", nargs="*", help="flags of quant-triage search, after --")
    given = parser.parse_args()
    source = given.source or fine_tuned(given.out)
    folder = given.out / "search"
    record = json.loads(command("search", str(source), "--out", str(folder), *given.flags, "--json"))
    asked = shlex.join(["python", "docs/studies/search.py", *sys.argv[1:]])
    text = page(record, asked)
    if given.page is None:
        sys.stdout.write(text)
        return
    picture = given.page.with_suffix(".svg")
    picture.write_text((folder / "frontier.svg").read_text(encoding="utf-8"), encoding="utf-8")
    given.page.write_text(f"{text}\n![Danger bounds against sizes]({picture.name})\n", encoding="utf-8")


if __name__ == "__main__":
    main()
