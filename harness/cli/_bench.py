"""``quant-triage bench``: throughput beside its peers, every ratio measured here."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import EMERGENCY_DATASET, UsageError, usable_cores
from quant_triage.harness import command_line, machine, now
from quant_triage.harness.bench import (
    Bystanders,
    EngineBench,
    Shape,
    Work,
    bench_engine,
    build_peers,
    engine_section,
    measure_scale,
    scale_section,
    write_model,
    write_section,
)
from quant_triage.harness.cluster import check_address
from quant_triage.prompts import load_suite
from quant_triage.quantize import (
    ALL_TARGET,
    SIX,
    SIX_TARGET,
    Gemma3nShape,
    bench_quantize,
    cache_dir,
    parse_levels,
    quantize,
    quantize_section,
    unpack_source,
    write_shaped,
)
from quant_triage.training import bench_merge, merge_section

from . import _options as opt
from ._console import emit_json, one_line_errors, out, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Throughput beside its peers.")

Write = Annotated[
    Path | None,
    typer.Option(
        "--write", help="Page whose section is replaced, as docs/benchmarks.md.", show_default=False
    ),
]


def bench_model() -> Path:
    """Return the random Q4_K_M that engines are measured with, made on the first call."""
    shape = Shape()
    folder = cache_dir() / "bench"
    source = folder / f"gemma3-random-{shape.parameters / 1e6:.0f}M-F16.gguf"
    ready = folder / source.name.replace("F16", "Q4_K_M")
    if not ready.is_file():
        say(f"making a model of {shape.parameters / 1e6:.0f} M parameters with random weights")
        words = EMERGENCY_DATASET.read_text(encoding="utf-8").replace('"', " ").split()
        write_model(source, shape, sorted(set(words)))
        quantize(source, folder, parse_levels("Q4_K_M"))
        source.unlink()
    return ready


@app.command("engine")
def engine(
    model: Annotated[
        Path | None, typer.Option("--model", help="GGUF; a random Gemma 3 unless named.", show_default=False)
    ] = None,
    prompts: Annotated[int, typer.Option("--prompts", min=1, help="How many prompts.")] = 32,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="New tokens for each.")] = 64,
    slots: Annotated[int, typer.Option("--slots", min=1, max=255, help="Our slots.")] = 32,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="The median of so many counts.")] = 5,
    threads: opt.Threads = 0,
    write: Write = None,
    as_json: opt.Json = False,
) -> None:
    """Our decoder beside a Llama loop, llama-server and llama-batched-bench.

    Exit code 0: every ratio was reached; 1: one was missed; 2: one was not measured.
    """
    with one_line_errors():
        texts = [prompt.text for prompt in load_suite(None).prompts]
        if prompts > len(texts):
            raise UsageError(f"--prompts {prompts}: the suite has {len(texts)}")
        step = len(texts) // prompts
        work = Work(
            model=(model or bench_model()).resolve(),
            prompts=tuple(texts[::step][:prompts]),
            tokens=tokens,
            threads=threads or usable_cores(),
        )
        bench = bench_engine(
            work, lambda: build_peers(cache_dir(), unpack_source, say), slots=slots, rounds=rounds, told=say
        )
        section = engine_section(bench, command=command_line(), when=now()[:10], machine=machine())
        if write is not None:
            write_section(write, "engine", section)
        if as_json:
            emit_json(_facts(bench))
        else:
            out.print(section, markup=False)
    raise typer.Exit(0 if bench.reached else 1 if bench.complete else 2)


@app.command("quantize")
def quantize_ladder(
    source: Annotated[
        Path | None,
        typer.Option("--source", help="F16 GGUF; a random Gemma 3n unless named.", show_default=False),
    ] = None,
    levels: Annotated[
        list[str] | None, typer.Option("--levels", help="The seed's six, then all eleven, unless named.")
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="The median of so many counts.")] = 1,
    threads: opt.Threads = 0,
    write: Write = None,
    as_json: opt.Json = False,
) -> None:
    """The ladder in one pass beside llama.cpp's quantizer called once per level.

    Exit code 0: time, memory and bytes are as asked for; 1: one of them is not.
    """
    with one_line_errors():
        path = source or ladder_source()
        wanted = dict.fromkeys(levels, ALL_TARGET) if levels else {SIX: SIX_TARGET, "all": ALL_TARGET}
        benches = []
        bystanders = Bystanders()
        with tempfile.TemporaryDirectory(prefix="bench-", dir=cache_dir()) as folder:
            for text, target in wanted.items():
                bench = bench_quantize(
                    path,
                    parse_levels(text),
                    Path(folder),
                    target=target,
                    rounds=rounds,
                    threads=threads,
                    told=say,
                )
                benches.append(bench)
        here = machine()
        section = quantize_section(
            benches,
            command=command_line(),
            when=now()[:10],
            machine=f"{here['processor']}, {here['memory']}, {here['system']}",
            neighbours=f"While it ran, other programs took {bystanders.share():.0%} of the processor.",
        )
        if write is not None:
            write_section(write, "quantize", section)
        if as_json:
            rows = [bench.model_dump(mode="json") | {"ratio": bench.ratio} for bench in benches]
            emit_json({"rows": rows, "reached": all(bench.reached for bench in benches)})
        else:
            out.print(section, markup=False)
    raise typer.Exit(0 if all(bench.reached for bench in benches) else 1)


@app.command("merge")
def merge_adapter(
    layers: Annotated[int, typer.Option("--layers", min=1, help="26 make the 1 B model.")] = 26,
    write: Write = None,
    as_json: opt.Json = False,
) -> None:
    """The streaming merge beside PEFT's: time and memory; exit code 1: a limit was missed."""
    with one_line_errors():
        say("making a model with random weights, then merging it twice: some minutes and 8 GB of disk")
        with tempfile.TemporaryDirectory(prefix="quant-triage-merge-") as folder:
            bench = bench_merge(Path(folder), layers=layers)
        section = merge_section(bench)
        if write:
            write_section(write, "merge", section)
        if as_json:
            emit_json(bench.model_dump(mode="json") | {"ok": bench.ok})
        else:
            out.print(section, markup=False)
    raise typer.Exit(0 if bench.ok else 1)


def ladder_source() -> Path:
    """Return the random Gemma 3n that the ladder is measured with, made on the first call."""
    shape = Gemma3nShape()
    path = cache_dir() / "bench" / f"gemma3n-random-{shape.parameters / 1e6:.0f}M-F16.gguf"
    if not path.is_file():
        say(f"making a model of {shape.parameters / 1e6:.0f} M weights, {shape.table_share:.0%} in tables")
        write_shaped(path, shape)
    return path


@app.command("scale")
def scale(
    replies: Annotated[int, typer.Option("--replies", min=80, help="The largest number.")] = 100_000,
    write: Write = None,
    as_json: opt.Json = False,
) -> None:
    """Recorded replies, prompts doubled and then levels: how time and memory grow with them."""
    with one_line_errors():
        texts = [row["output"] for row in map(json.loads, EMERGENCY_DATASET.open(encoding="utf-8"))]
        found = measure_scale(load_suite(None).prompts, texts, replies, say)
        section = scale_section(found, command=command_line(), when=now()[:10], machine=machine())
        if write is not None:
            write_section(write, "scale", section)
        if as_json:
            emit_json(found.model_dump(mode="json"))
        else:
            out.print(section, markup=False)


@app.command("cluster")
def cluster(
    model: Annotated[
        Path | None, typer.Option("--model", help="GGUF; a random Gemma 3 unless named.", show_default=False)
    ] = None,
    shards: Annotated[
        int, typer.Option("--shards", min=2, help="Pieces of work, on any number of nodes.")
    ] = 4,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="New tokens of a reply.")] = 16,
    slots: opt.Slots = 2,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="The median of so many counts.")] = 3,
    write: Write = None,
    as_json: opt.Json = False,
) -> None:
    """One node on one core against two on two, by Ray's test cluster; what else a cluster costs.

    Exit code 0: the efficiency is as asked for; 1: it is not.
    """
    with one_line_errors():
        check_address("auto")
        from quant_triage.harness.bench._nodes import bench_nodes, cluster_section  # noqa: PLC0415

        texts = [prompt.text for prompt in load_suite(None).prompts]
        with tempfile.TemporaryDirectory(prefix="quant-triage-cluster-") as folder:
            path = model or _small_model(Path(folder))
            bench = bench_nodes(
                path, texts, shards=shards, tokens=tokens, slots=slots, rounds=rounds, told=say
            )
        section = cluster_section(bench, command=command_line(), when=now()[:10], machine=machine())
        if write is not None:
            write_section(write, "cluster", section)
        if as_json:
            emit_json(bench.model_dump(mode="json") | {"efficiency": bench.efficiency})
        else:
            out.print(section, markup=False)
    raise typer.Exit(0 if bench.reached else 1)


def _small_model(folder: Path) -> Path:
    shape = Shape(layers=6, vocabulary=4096)
    path = folder / f"gemma3-random-{shape.parameters / 1e6:.0f}M-F16.gguf"
    write_model(
        path, shape, sorted(set(EMERGENCY_DATASET.read_text(encoding="utf-8").replace('"', " ").split()))
    )
    return path


def _facts(bench: EngineBench) -> dict[str, object]:
    """The benchmark with what is derived from it."""
    rows = [row.model_dump(mode="json") | {"rate": row.rate, "reached": row.reached} for row in bench.rows]
    return bench.model_dump(mode="json") | {"rows": rows}
