"""What ``run``, ``evaluate`` and ``spot`` share: read everything that can be wrong, ask, write, show."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import get_type_hints

from quant_triage.data import Record, UsageError, usable_cores
from quant_triage.harness import (
    GraderInfo,
    Hardware,
    Label,
    ModelCard,
    Policy,
    Result,
    Sampling,
    choose,
    evaluate,
    load_labels,
    load_policy,
    measured_error,
    too_small,
)
from quant_triage.harness.cluster import check_address, join
from quant_triage.harness.engines import Progress, Source, open_sources
from quant_triage.harness.grading import RuleGrader
from quant_triage.prompts import Suite, load_suite
from quant_triage.reports import render, terminal_report, write_result
from quant_triage.rubrics import load_rubrics

from . import _options as opt
from ._console import emit_json, out, say
from ._divergence import with_divergence
from ._places import find_places
from ._progress import Stage, Stages
from ._tuned import check_adapters, find_base, mark_as_base

REPORT = "report.json"


class Asking(Record):
    """The shared flags, as they were given; :func:`asks` gives them to a command."""

    policy: opt.Policy = "screen"
    prompts: opt.Prompts = None
    rubrics: opt.Rubrics = None
    labels: opt.Labels = None
    samples: opt.Samples = None
    seed: opt.Seed = 0
    max_tokens: opt.MaxTokens = 512
    slots: opt.Slots = 16
    threads: opt.Threads = 0
    gpu_layers: opt.GpuLayers = -1
    jobs: opt.Jobs = 1
    cluster: opt.Cluster = None
    curtail: opt.Curtail = False

    def check(self) -> "Inputs":
        """Read every file that the flags name, before any model is loaded.

        Raises:
            UsageError: A file is missing or malformed, or they do not fit together.
        """
        if self.cluster is not None:
            if self.jobs != 1:
                raise UsageError(f"--jobs {self.jobs}: a cluster decides itself; leave it out with --cluster")
            check_address(self.cluster)
        policy = load_policy(self.policy)
        if self.samples is not None:
            policy = policy.model_copy(update={"samples": self.samples})
        suite = load_suite(self.prompts)
        rubrics = load_rubrics(self.rubrics)
        rubrics.require(policy.select(suite).scenarios)
        grader = RuleGrader(rubrics)
        return Inputs(
            policy=policy,
            suite=suite,
            grader=grader,
            info=GraderInfo(
                name=grader.name,
                version=grader.version,
                rubrics_sha256=rubrics.sha256,
                measured_error=measured_error(grader.version, rubrics.sha256),
            ),
            labels=load_labels(self.labels),
            sampling=Sampling(
                # Further greedy samples would be copies; Gemma's card samples at 1.0, top-k 64, top-p 0.95.
                temperature=1.0 if policy.samples > 1 else 0.0,
                seed=self.seed,
                max_tokens=self.max_tokens,
                slots=self.slots,
            ),
            # Side by side, models share the cores; on a cluster, they are the nodes'.
            hardware=Hardware(
                threads=self.threads or (0 if self.cluster else max(1, usable_cores() // self.jobs)),
                gpu_layers=self.gpu_layers,
            ),
            cluster=self.cluster,
            prompts_path=self.prompts,
            rubrics_path=self.rubrics,
        )

    def show(self, result: Result, folder: Path, *, as_json: bool) -> None:
        """Print the ranked table and the decision, or the result as JSON."""
        if as_json:
            emit_json(result.model_dump(mode="json"))
        else:
            out.print(terminal_report(result))
        say(f"report: {folder / 'report.html'}")


def asks(*without: str, **defaults: object) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags of :class:`Asking` in place of its parameter ``asking``.

    Typer reads a command's flags off its signature, so that is rewritten.

    Args:
        without: Fields that the command has no flag for.
        defaults: Where a flag's default is another one in this command.
    """
    hints = get_type_hints(Asking, include_extras=True)
    flags = [
        Parameter(
            name, Parameter.KEYWORD_ONLY, annotation=hints[name], default=defaults.get(name, field.default)
        )
        for name, field in Asking.model_fields.items()
        if name not in without
    ]

    def expand(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter.replace(kind=Parameter.KEYWORD_ONLY)
            for parameter in signature(command, eval_str=True).parameters.values()
        ]
        at = [parameter.name for parameter in own].index("asking")

        @wraps(command)
        def called(**given: object) -> None:
            asking = Asking.model_validate({flag.name: given.pop(flag.name) for flag in flags})
            command(asking=asking, **given)

        shown = [*own[:at], *flags, *own[at + 1 :]]
        called.__signature__ = Signature(shown)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
        return called

    return expand


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that the flags name, read and checked."""

    policy: Policy
    suite: Suite
    grader: RuleGrader
    info: GraderInfo
    labels: Mapping[str, Label]
    sampling: Sampling
    hardware: Hardware
    cluster: str | None = None
    prompts_path: Path | None = None
    rubrics_path: Path | None = None


class _Watch:
    """One stage a model, closed when its last reply is in; ``tell`` gets a lone reply as it comes."""

    def __init__(self, stages: Stages, tell: Callable[[str], None] | None = None):
        self._stages = stages
        self._tell = tell
        self._open: dict[str, Stage] = {}
        self._finished: set[str] = set()

    def __call__(self, card: ModelCard, done: int, total: int, progress: Progress, note: str = "") -> None:
        if card.sha256 in self._finished:
            return
        stage = self._open.get(card.sha256) or self._stages.open(
            f"asking {'the base' if card.base else card.label}", total
        )
        self._open[card.sha256] = stage
        if self._tell and progress.said:
            self._tell(progress.said)
        rate = f"{progress.tokens / progress.seconds:.0f} tokens/s" if progress.tokens else ""
        said = ", ".join(part for part in (rate, note) if part)
        stage.update(done, said)
        if done == total:
            self._finished.add(card.sha256)
            stage.finish(f"{total} replies" + (f", {said}" if said else ""))


def open_models(specs: Sequence[str], inputs: Inputs) -> list[Source]:
    """Open every model that a user named.

    Raises:
        UsageError: Nothing usable is there, or an adapter lies on another base than its own.
    """
    sources = [source for spec in specs for source in open_sources(spec, inputs.sampling, inputs.hardware)]
    check_adapters(sources)
    return sources


def open_base(spec: str | None, inputs: Inputs) -> list[Source]:
    """Open the model that was fine-tuned: it is asked like the others and never selected.

    Raises:
        UsageError: Nothing usable is there, or more than one model.
    """
    if spec is None:
        return []
    found = open_sources(spec, inputs.sampling, inputs.hardware)
    if len(found) != 1:
        raise UsageError(f"--base {spec!r} holds {len(found)} models: name the one that was fine-tuned")
    mark_as_base(found[0])
    return found


@contextmanager
def _answering(
    sources: Sequence[Source], inputs: Inputs, jobs: int
) -> Iterator[tuple[Sequence[Source], int]]:
    """Who answers, and how many models side by side: this machine, or the cluster where one is named."""
    if inputs.cluster is None:
        yield sources, jobs
        return
    hardware = inputs.hardware
    with join(inputs.cluster, threads=hardware.threads, gpu_layers=hardware.gpu_layers) as cluster:
        yield cluster.spread(sources), cluster.models


def ask(
    sources: Sequence[Source],
    inputs: Inputs,
    folder: Path,
    stages: Stages,
    *,
    jobs: int = 1,
    lineage: Mapping[str, str] | None = None,
    curtail: bool = False,
    seconds: float | None = None,
    least: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Result:
    """Evaluate with progress, as :func:`quant_triage.harness.evaluate` does, and find the findings' lines.

    Where one reply alone is asked for, ``tell`` gets it piece by piece as it comes.
    """
    with _answering(sources, inputs, jobs) as (asked, side_by_side):
        result = evaluate(
            asked,
            inputs.suite,
            folder,
            policy=inputs.policy,
            grader=inputs.grader,
            grader_info=inputs.info,
            sampling=inputs.sampling,
            labels=inputs.labels,
            watch=_Watch(stages, tell),
            jobs=side_by_side,
            lineage=lineage,
            curtail=curtail,
            seconds=seconds,
            least=least,
        )
    places = find_places(result, inputs.prompts_path, inputs.rubrics_path)
    return result.model_copy(update={"places": places})


def warn_if_too_small(sources: Sequence[Source], inputs: Inputs) -> None:
    """Say on stderr, before anything is asked, that the suite can never pass its policy."""
    suite, _ = choose(sources, inputs.suite, inputs.policy)
    if problem := too_small(inputs.policy, suite.prompts, sensitivity=inputs.info.sensitivity):
        say(f"warning: {problem}")


def write_reports(result: Result, folder: Path) -> None:
    """Leave ``report.json`` and ``report.html``."""
    write_result(folder / REPORT, result)
    render(result, ["html"], folder)


def evaluate_into(
    folder: Path,
    specs: Sequence[str],
    asking: Asking,
    stages: Stages,
    *,
    base: str | None = None,
    lineage: Mapping[str, str] | None = None,
) -> Result:
    """Evaluate models, and the base they were tuned from where it is named; leave report and journal.

    ``folder`` gets ``report.json``, ``report.html`` and ``journal.jsonl``.

    Raises:
        UsageError: Bad input, before any model is loaded.
        IntegrityError: The journal contradicts the plan.
        NotEnoughSpaceError: The disk is full; what was recorded stays.
    """
    inputs = asking.check()
    sources = [*open_models(specs, inputs), *open_base(base, inputs)]
    if base is None and (tuned_from := find_base(sources)) is not None:
        say(f"{tuned_from.card.name} is what the others were tuned from: asked as --base, and never selected")
        mark_as_base(tuned_from)
    warn_if_too_small(sources, inputs)
    result = ask(sources, inputs, folder, stages, jobs=asking.jobs, lineage=lineage, curtail=asking.curtail)
    result = with_divergence(result, sources, folder, stages, threads=asking.threads)
    write_reports(result, folder)
    return result
