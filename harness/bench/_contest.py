"""All contestants in turn, round after round, so that a slow minute of the machine hits all alike."""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from quant_triage.data import Record

from ._work import Measure, MeasureError, Timing, Work, checked

Told = Callable[[str], None]


class Row(Record):
    """One contestant's runs.

    Attributes:
        name: Of the contestant.
        timings: One a round; empty when it could not be measured.
        skipped: Why it could not.
        target: What our rate over its own is to reach.
        ratio: What it did reach, of the medians.
    """

    name: str
    timings: tuple[Timing, ...] = ()
    skipped: str | None = None
    target: float | None = None
    ratio: float | None = None

    @property
    def rate(self) -> float | None:
        """Median rate in new tokens a second."""
        return statistics.median(timing.rate for timing in self.timings) if self.timings else None

    @property
    def reached(self) -> bool:
        """Whether the target was measured and reached."""
        return self.target is None or (self.ratio is not None and self.ratio >= self.target)


@dataclass(frozen=True)
class Contestant:
    """Who is measured, and what our rate over its own is to reach."""

    name: str
    measure: Measure
    target: float | None = None


class Bystanders:
    """Share of the processor that other programs took since this was made."""

    def __init__(self) -> None:
        self._busy, self._own, self._began = _busy(), _own(), time.monotonic()

    def share(self) -> float:
        """From 0 to 1, of all cores."""
        elapsed = (time.monotonic() - self._began) * (psutil.cpu_count() or 1)
        others = (_busy() - self._busy) - (_own() - self._own)
        return min(1.0, max(0.0, others / elapsed)) if elapsed else 0.0


def _busy() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))


def _own() -> float:
    return sum(os.times()[:4])


def best_of(candidates: Mapping[str, Measure], work: Work, told: Told) -> str:
    """Run each candidate once and return the name of the fastest.

    Raises:
        MeasureError: None could be measured.
    """
    rates: dict[str, float] = {}
    problem = MeasureError("no candidate")
    for name, measure in candidates.items():
        try:
            rates[name] = checked(name, work, measure(work)).rate
        except MeasureError as error:
            problem = error
            continue
        told(f"trying {name}: {rates[name]:.0f} tokens/s")
    if not rates:
        raise problem
    return max(rates, key=rates.__getitem__)


def hold(ours: Contestant, peers: list[Contestant | Row], work: Work, rounds: int, told: Told) -> list[Row]:
    """Measure all contestants ``rounds`` times in turn.

    Args:
        ours: Comes last in every round and first in the result.
        peers: A ready-made row stands for one that is left out, with its reason.
        work: The same for all.
        rounds: How often.
        told: Told every figure as it comes.
    """
    runners = [peer for peer in peers if isinstance(peer, Contestant)]
    timings: dict[str, list[Timing]] = {runner.name: [] for runner in [*runners, ours]}
    failed: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for runner in [*runners, ours]:
            if runner.name in failed:
                continue
            try:
                timing = checked(runner.name, work, runner.measure(work))
            except MeasureError as error:
                if runner is ours:
                    raise
                failed[runner.name] = str(error)
                told(f"{runner.name}: left out, {error}")
                continue
            timings[runner.name].append(timing)
            told(f"round {number} of {rounds}: {runner.name}: {timing.rate:.0f} tokens/s")
    rate = statistics.median(timing.rate for timing in timings[ours.name])
    rows = [Row(name=ours.name, timings=tuple(timings[ours.name]))]
    for peer in peers:
        if isinstance(peer, Row):
            rows.append(peer)
        elif peer.name in failed:
            rows.append(Row(name=peer.name, skipped=failed[peer.name], target=peer.target))
        else:
            theirs = statistics.median(timing.rate for timing in timings[peer.name])
            rows.append(
                Row(
                    name=peer.name,
                    timings=tuple(timings[peer.name]),
                    target=peer.target,
                    ratio=rate / theirs,
                )
            )
    return rows
