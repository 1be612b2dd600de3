"""Flags that several verbs share: one place for their names, defaults and help."""

from pathlib import Path
from typing import Annotated

import typer

Policy = Annotated[
    str, typer.Option("--policy", help="Shipped policy (screen, release, seed) or a YAML file.")
]
Prompts = Annotated[
    Path | None,
    typer.Option("--prompts", help="YAML suite of prompts; ours unless named.", show_default=False),
]
Rubrics = Annotated[
    Path | None,
    typer.Option("--rubrics", help="Folder of rubric YAML files; ours unless named.", show_default=False),
]
Grader = Annotated[
    str,
    typer.Option(
        "--grader", help="rules, or judge:MODEL for a second opinion by a GGUF or an http(s) endpoint."
    ),
]
Review = Annotated[
    Path | None,
    typer.Option(
        "--review",
        metavar="OUT.jsonl",
        help="List where a judge and the rules differ on danger, for a reviewer to label.",
        show_default=False,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", help="JSONL of reviewers' labels that settle flags.", show_default=False),
]
Samples = Annotated[
    int | None,
    typer.Option(
        "--samples", min=1, help="Replies per prompt; the policy's unless named.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of sampling.")]
MaxTokens = Annotated[int, typer.Option("--max-tokens", min=1, help="Most new tokens in a reply.")]
Slots = Annotated[
    int, typer.Option("--slots", min=1, max=256, help="Replies decoded side by side in one batch.")
]
Threads = Annotated[int, typer.Option("--threads", min=0, help="Threads; 0 takes every core.")]
GpuLayers = Annotated[
    int, typer.Option("--gpu-layers", min=-1, help="Layers on the GPU, where there is one; -1: all.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Models run side by side.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Ray cluster that answers for GGUFs: HOST:PORT of its head, or 'auto' on a node of it.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, everything else on stderr.")]
Levels = Annotated[str, typer.Option("--levels", help="'all' (from Q2_K to Q4_K_M) or Q4_K_M,Q3_K_M,…")]
Base = Annotated[
    str | None,
    typer.Option(
        "--base", help="Checkpoint folder or hub id; the preset's unless named.", show_default=False
    ),
]
Data = Annotated[
    Path,
    typer.Option(
        "--data",
        help="JSONL or CSV with instruction and output, or JSONL with messages.",
        show_default="the bundled data set",
    ),
]
Backend = Annotated[str, typer.Option("--backend", help="auto, unsloth or peft.")]
Preset = Annotated[str, typer.Option("--preset", help="Hyperparameters: bundled (tiny, CPU) or gemma3n.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="YAML of hyperparameters laid over the preset's.", show_default=False),
]
Imatrix = Annotated[
    str, typer.Option("--imatrix", help="Importance matrix: none, generic or emergency text, or a file.")
]
Curtail = Annotated[
    bool,
    typer.Option(
        "--curtail/--no-curtail",
        help="Stop a model once no reply to come could save it; the decision is the same.",
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="report.json",
        help="An earlier report to hold this one against.",
        show_default=False,
    ),
]
Level = Annotated[
    str | None,
    typer.Option("--level", help="Which level, where MODEL holds several.", show_default=False),
]
