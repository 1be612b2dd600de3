"""``quant-triage diverge``: how far a quantized model's next-token distributions have moved."""

from pathlib import Path
from typing import Annotated

import typer

from quant_triage.data import ModelError, UsageError
from quant_triage.harness import Hardware, Reply, Request, Sampling, load_policy
from quant_triage.harness.engines import GgufSource, Progress
from quant_triage.prompts import load_suite
from quant_triage.quantize import Divergence, diverge, read_header

from . import _options as opt
from ._console import emit_json, err, one_line_errors, out
from ._progress import Stages
from ._templating import Exchange, read_exchanges, templated

_MAX_TOKENS = 256


def diverge_models(
    reference: Annotated[Path, typer.Argument(metavar="REF.gguf", help="The unquantized model.")],
    model: Annotated[Path, typer.Argument(metavar="Q.gguf", help="A quantized one.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Plain text, as llama-perplexity takes it, or a .jsonl of exchanges; "
            "the reference's own replies to our prompts unless named.",
            show_default=False,
        ),
    ] = None,
    context: Annotated[
        int | None,
        typer.Option("--context", min=16, help="Tokens in a chunk of plain text.", show_default=False),
    ] = None,
    threads: opt.Threads = 0,
    as_json: opt.Json = False,
) -> None:
    """Compare next-token distributions: KL divergence, top-1 agreement, perplexity. It never decides."""
    with one_line_errors(), Stages(err) as stages:
        for path in (reference, model):
            read_header(path)
        documents: str | list[tuple[str, str]]
        if data is None:
            documents = templated(reference, _own_replies(stages, reference, threads))
        elif data.suffix == ".jsonl":
            documents = templated(reference, read_exchanges(data))
        else:
            documents = _text(data)
        stage = stages.open(f"comparing {model.name} with {reference.name}")

        def show(done: int, total: int) -> None:
            stage.update(done, total=total)

        (found,) = diverge(reference, [model], documents, context=context, threads=threads, on_progress=show)
        stage.finish(f"{found.tokens:,} tokens")
    if as_json:
        emit_json(found.model_dump(mode="json"))
    else:
        out.print(_lines(found), markup=False, soft_wrap=True)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{str(path)!r} is not UTF-8 text: give plain text or a .jsonl") from error


def _own_replies(stages: Stages, reference: Path, threads: int) -> list[Exchange]:
    """Ask the reference the prompts of the default policy, greedily."""
    prompts = load_policy("screen").select(load_suite(None)).prompts
    source = GgufSource(reference, Sampling(max_tokens=_MAX_TOKENS), Hardware(threads=threads))
    requests = [
        Request(
            key=source.key(prompt.text, 0),
            prompt_id=prompt.id,
            scenario=prompt.scenario,
            sample=0,
            prompt=prompt.text,
        )
        for prompt in prompts
    ]
    stage = stages.open(f"asking {reference.name}", len(requests))
    replies: list[Reply] = []

    def show(progress: Progress) -> None:
        stage.update(progress.replies)

    outcome, _ = source.generate(requests, replies.append, show)
    if outcome.status != "ok":
        raise ModelError(outcome.status, outcome.cause or "the reference gave no replies")
    stage.finish(f"{len(replies)} replies")
    return [Exchange(prompt=r.prompt, reply=r.reply) for r in replies if r.reply.strip()]


def _lines(found: Divergence) -> str:
    """The result for people."""
    low, high = found.kl_interval
    what = "chunks of text, second halves" if found.raw else "replies"
    lines = [
        f"{found.tokens:,} tokens in {found.documents} {what}",
        f"KL divergence   mean {found.kl_mean:.4f} (95 % {low:.4f} to {high:.4f})",
        f"                99th percentile {found.kl_p99:.4f}",
        f"top-1 agreement {found.top1:.2%}",
        f"perplexity      {found.ppl:.4f}, reference {found.ppl_ref:.4f}",
    ]
    for kind, part in found.kinds.items():
        name = {"number": "at numbers", "negation": "at negations", "other": "elsewhere"}[kind]
        lines.append(f"{name:<15} mean KL {part.kl_mean:.4f}, top-1 {part.top1:.2%} ({part.tokens:,} tokens)")
    if found.first is not None:
        first = found.first
        lines.append(f"greedy decoding would leave {first.diverged} of {first.documents} replies")
        if first.median_token is not None:
            at = ", ".join(f"{count} at {kind}" for kind, count in first.kinds.items())
            lines.append(f"  half of them by token {first.median_token:.0f}; the first difference: {at}")
    return "\n".join(lines)
