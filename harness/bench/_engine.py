"""The engine beside its peers: the same GGUF, prompts and threads for all."""

from collections.abc import Callable

from quant_triage.data import Record, UsageError

from ..engines import engine_build, inspect_gguf, probe
from ._batched import measure_batched
from ._build import Peers
from ._contest import Bystanders, Contestant, Row, Told, best_of, hold
from ._naive import measure_naive
from ._ours import measure_ours
from ._server import measure_server
from ._work import Measure, MeasureError, Work, checked

NAIVE, SERVER_8, SERVER_BEST, CEILING = 3.0, 1.3, 1.0, 0.9
"""What our rate over each peer's is to reach."""

_SERVER_SLOTS = (4, 8, 16, 32)
_NAIVE_NAME = "llama-cpp-python's Llama, one prompt after another"
_COMPILED = (
    ("llama-server, 8 slots, 8 clients", SERVER_8),
    ("llama-server, best slot count", SERVER_BEST),
    ("llama-batched-bench", CEILING),
)


class EngineBench(Record):
    """What was measured, on what, beside what."""

    model: str
    sha256: str
    bytes: int
    build: str
    flags: str | None
    work: Work
    rounds: int
    bystanders: float
    rows: tuple[Row, ...]

    @property
    def complete(self) -> bool:
        """Whether every row was measured here."""
        return not any(row.skipped for row in self.rows)

    @property
    def reached(self) -> bool:
        """Whether every target was measured and reached."""
        return all(row.reached for row in self.rows)


def bench_engine(
    work: Work, build: Callable[[], Peers], *, slots: int, rounds: int, told: Told
) -> EngineBench:
    """Measure our engine and its peers in turn.

    Args:
        work: What all of them do.
        build: Makes the peers' programs.
        slots: Of ours.
        rounds: The median of so many counts.
        told: Told every figure as it comes.

    Raises:
        UsageError: Our own engine could not be measured.
    """
    bystanders = Bystanders()
    card = inspect_gguf(work.model)
    ours = Contestant(f"quant-triage, {slots} slots", measure_ours(slots))
    try:
        warm = checked(ours.name, work, ours.measure(work))
    except MeasureError as error:
        raise UsageError(f"cannot measure {str(work.model)!r}: {error}") from error
    told(f"warm up: {ours.name}: {warm.rate:.0f} tokens/s")
    peers: list[Contestant | Row] = [Contestant(_NAIVE_NAME, measure_naive, NAIVE)]
    flags = None
    try:
        built = build()
        flags = built.flags
        peers += _compiled(built, work, warm.prompt_tokens // len(work.prompts), told)
    except (UsageError, MeasureError) as error:
        told(f"left out: {error}")
        peers += [Row(name=name, target=target, skipped=str(error)) for name, target in _COMPILED]
    rows = hold(ours, peers, work, rounds, told)
    return EngineBench(
        model=card.name,
        sha256=card.sha256,
        bytes=card.bytes or 0,
        build=engine_build(use_extra_bufts=probe().use_extra_bufts),
        flags=flags,
        work=work,
        rounds=rounds,
        bystanders=bystanders.share(),
        rows=tuple(rows),
    )


def _compiled(built: Peers, work: Work, prompt_tokens: int, told: Told) -> list[Contestant]:
    """The peers that were compiled, each in the shape that serves it best here."""
    servers = {
        f"llama-server, {n} slots, {n} clients": measure_server(built.server, n) for n in _SERVER_SLOTS
    }
    best = best_of(servers, work, told)
    caches: dict[str, Measure] = {
        f"llama-batched-bench, {name}": measure_batched(
            built.batched_bench, prompt_tokens=prompt_tokens, unified=unified
        )
        for name, unified in (("one cache for all", True), ("a cache for each", False))
    }
    ceiling = best_of(caches, work, told)
    (eight, eight_target), (_, best_target), (_, ceiling_target) = _COMPILED
    return [
        Contestant(eight, servers[eight], eight_target),
        Contestant(f"{best} (its best)", servers[best], best_target),
        Contestant(ceiling, caches[ceiling], ceiling_target),
    ]
