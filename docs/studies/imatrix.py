"""Does an importance matrix help the smallest levels, and does it matter what text it is made on?

    python docs/studies/imatrix.py model-F16.gguf --out runs/imatrix-study --page docs/studies/imatrix.md

Asks the unquantized model our default prompts, makes the low levels without a matrix, with a generic one
and with one made on emergency dialogue, and measures on that model's own replies how far each has moved
from it. Run again, it goes on where it stopped. Everything is done by quant-triage's own commands.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

LEVELS = ("Q2_K_S", "Q2_K", "IQ3_XXS", "IQ3_XS", "Q3_K_S", "IQ3_S", "Q3_K_M")
NEED_MATRIX = {"Q2_K_S", "IQ3_XXS", "IQ3_XS"}
MATRICES = ("none", "generic", "emergency")


def command(*arguments: str) -> str:
    """Run a quant-triage command; 0, 1 and 3 are results. Returns what it printed."""
    call = [sys.executable, "-m", "quant_triage.harness.cli", *arguments]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in {0, 1, 3}:
        raise SystemExit(f"{shlex.join(arguments)} ended with code {done.returncode}")
    return done.stdout


def own_replies(source: Path, out: Path) -> Path:
    """The unquantized model's replies to the prompts of the default policy, as exchanges."""
    command("evaluate", str(source), "--out", str(out / "reference"), "--json")
    report = json.loads((out / "reference" / "report.json").read_text(encoding="utf-8"))
    path = out / "replies.jsonl"
    rows = [
        {"prompt": r["prompt"], "reply": r["reply"]} for r in report["models"][0]["replies"] if r["reply"]
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def measure(source: Path, replies: Path, out: Path) -> dict[str, dict[str, dict[str, object]]]:
    """Facts of ``diverge`` by matrix and level."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    for matrix in MATRICES:
        levels = [name for name in LEVELS if matrix != "none" or name not in NEED_MATRIX]
        folder = out / matrix
        made = json.loads(
            command(
                *("quantize", str(source), "--out", str(folder), "--levels", ",".join(levels)),
                *("--imatrix", matrix, "--json"),
            )
        )
        for file in made["files"]:
            kept = folder / f"{file['sha256'][:16]}.json"
            if not kept.is_file():
                path = str(folder / file["file"])
                kept.write_text(
                    command("diverge", str(source), path, "--data", str(replies), "--json"), encoding="utf-8"
                )
            facts = json.loads(kept.read_text(encoding="utf-8"))
            found.setdefault(file["level"], {})[matrix] = facts | {"bytes": file["bytes"]}
    return found


def cell(facts: dict[str, object] | None) -> str:
    """One cell of the table."""
    if facts is None:
        return "needs a matrix"
    low, high = facts["kl_interval"]  # type: ignore[misc]  # as the command wrote it
    return f"{facts['kl_mean']:.4f} ({low:.4f} to {high:.4f}), {facts['top1']:.1%}"


def page(found: dict[str, dict[str, dict[str, object]]], source: Path, asked: str) -> str:
    """The study as Markdown."""
    first = next(iter(found.values()))["emergency"]
    lines = [
        "# Importance matrices at the low levels",
        "",
        f"`{asked}`",
        "",
        f"{source.name}, {first['documents']} of its own replies, {first['tokens']} tokens.",
        "Each cell: mean KL divergence from it in nats, its 95 % interval (whole replies are",
        "drawn), and top-1 agreement. Smaller is a closer copy; it does not say that a copy is safe.",
        "",
        "| level | MB | no matrix | generic text | emergency dialogue |",
        "|---|--:|---|---|---|",
    ]
    for level in LEVELS:
        row = found[level]
        cells = " | ".join(cell(row.get(matrix)) for matrix in MATRICES)
        lines.append(f"| {level} | {row['emergency']['bytes'] / 1e6:.2f} | {cells} |")  # type: ignore[operator]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/imatrix-study"))
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    replies = own_replies(given.source, given.out)
    text = page(measure(given.source, replies, given.out), given.source, shlex.join(["python", *sys.argv]))
    if given.page:
        given.page.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
