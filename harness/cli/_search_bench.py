"""Where a search makes, measures and asks its candidates, and what it remembers of them."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from quant_triage.data import Record, UsageError, atomic_write, sha256_file, sha256_text
from quant_triage.harness import (
    Damages,
    ModelResult,
    Policy,
    Round,
    Seen,
    Sensitivity,
    Split,
    chance_to_pass,
    count_seen,
)
from quant_triage.harness.statistics import upper_bound
from quant_triage.prompts import Suite
from quant_triage.quantize import (
    LEVELS,
    PROBES,
    Damage,
    Group,
    Level,
    QuantizeProgress,
    Recipe,
    Yardstick,
    file_name,
    over_level,
    quantize,
    read_header,
)

from ._asking import Inputs, ask, open_models
from ._progress import Stage, Stages

_SHARES = (8, 4, 2)
"""Rounds ask an eighth, a quarter and half of the search's prompts."""
_FEWEST = 8
_ROOM = 2 << 30
"""Bytes that the files of one batch of measurements may take, at most (one file always may)."""
_KEPT = "measured.json"
_BESIDE = "Q8_0"
"""What all other groups have while one is measured."""


class _Kept(Record):
    """What was measured, by what it was measured on."""

    damages: dict[str, Damage] = {}
    seen: dict[str, Seen] = {}


@dataclass
class Entrant:
    """A level or a recipe on its way through the search."""

    wanted: Level | Recipe
    bytes: int
    damage: Damage | None = None
    rounds: list[Round] = field(default_factory=list)
    out_by: str | None = None

    @property
    def name(self) -> str:
        """Name of the level or the recipe."""
        return self.wanted.name

    @property
    def chance(self) -> float:
        """The last round's estimate that it will be confirmed; it only ranks."""
        return self.rounds[-1].chance if self.rounds else 0.0


def split_suite(suite: Suite, policy: Policy) -> tuple[Suite, Split]:
    """Keep the policy's own prompts for the confirmation, and leave the rest to the search.

    Raises:
        UsageError: The rest is too small to search on.
    """
    confirm = policy.select(suite)
    kept = {prompt.id for prompt in confirm.prompts}
    rest = tuple(prompt for prompt in suite.prompts if prompt.id not in kept)
    if len(rest) < _FEWEST:
        raise UsageError(
            f"policy {policy.name!r} asks {len(kept)} of the suite's {len(suite.prompts)} prompts, and the"
            f" search needs {_FEWEST} others: name a policy with fewer, or a larger suite (--prompts)"
        )
    search = Suite(name=f"{suite.name}[search]", version=suite.version, prompts=rest)
    return search, Split(
        suite=suite.name,
        suite_sha256=suite.sha256,
        search=tuple(prompt.id for prompt in rest),
        confirm=tuple(sorted(kept)),
    )


class Bench:
    """Makes files, measures and asks them, and remembers; everything is keyed by what decides it.

    Args:
        source: The unquantized GGUF.
        out: Folder of the search.
        inputs: What the shared flags name.
        stages: Where progress is shown.
        matrix: Importance matrix, or ``None``.
        deadline: ``time.monotonic()`` after which nothing new is begun, or ``None``.
    """

    def __init__(
        self,
        source: Path,
        out: Path,
        inputs: Inputs,
        stages: Stages,
        *,
        matrix: Path | None,
        deadline: float | None,
    ):
        self.source, self.out, self.inputs, self.stages = source, out, inputs, stages
        self.matrix, self._deadline = matrix, deadline
        self.suite, self.split = split_suite(inputs.suite, inputs.policy)
        self.counts = [max(1, len(self.suite.prompts) // share) for share in _SHARES]
        self.source_sha256 = sha256_file(source)
        self._made_of = sha256_text(self.source_sha256, sha256_file(matrix) if matrix else "")
        self._kept = self._read_kept()
        self._yard = ""

    def _read_kept(self) -> _Kept:
        try:
            return _Kept.model_validate_json((self.out / _KEPT).read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return _Kept()

    def _keep(self) -> None:
        atomic_write(self.out / _KEPT, self._kept.model_dump_json(indent=1) + "\n")

    @property
    def time_is_up(self) -> bool:
        """Whether nothing new is to be begun."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def key(self, wanted: Level | Recipe) -> str:
        """What decides a file's weights."""
        own = wanted.sha256 if isinstance(wanted, Recipe) else wanted.name
        return sha256_text(self._made_of, own)

    def path(self, wanted: Level | Recipe) -> Path:
        """Where a level or a candidate lies."""
        folder = "candidates" if isinstance(wanted, Recipe) else "levels"
        return self.out / folder / file_name(self.source, wanted)

    def make(self, wanted: Sequence[Level | Recipe]) -> None:
        """Write the files that are missing, all in one pass."""
        for folder in ("levels", "candidates"):
            chosen = [one for one in wanted if (folder == "candidates") == isinstance(one, Recipe)]
            if not chosen:
                continue
            missing = sum(not self.path(one).is_file() for one in chosen)
            stage = self.stages.open(f"writing {missing} files") if missing else None

            def show(progress: QuantizeProgress, stage: Stage | None = stage) -> None:
                if stage is not None:
                    stage.update(progress.done >> 20, "MiB", total=max(1, progress.total >> 20))

            quantize(self.source, self.out / folder, chosen, imatrix=self.matrix, on_progress=show)
            if stage is not None:
                stage.finish(f"{missing} files in {self.out / folder}")

    def drop(self, entrants: Iterable[Entrant]) -> None:
        """Remove the files of candidates that are out."""
        for entrant in entrants:
            if isinstance(entrant.wanted, Recipe):
                self.path(entrant.wanted).unlink(missing_ok=True)

    def reference_replies(self) -> ModelResult:
        """Ask the unquantized model the prompts of the first round."""
        return self._ask(self.source, self.counts[0])

    def _ask(self, path: Path, count: int) -> ModelResult:
        policy = self._round_policy(count)
        inputs = replace(self.inputs, policy=policy, suite=self.suite)
        result = ask(open_models([str(path)], inputs), inputs, self.out / "search", self.stages)
        return result.models[0]

    def _round_policy(self, count: int) -> Policy:
        return self.inputs.policy.model_copy(update={"prompts": count, "prompt_ids": None, "veto": ()})

    def _seen_key(self, entrant: Entrant, count: int) -> str:
        """What decides what an entrant shows in a round."""
        inputs = self.inputs
        return sha256_text(
            self.key(entrant.wanted),
            self._round_policy(count).select(self.suite).sha256,
            inputs.info.version,
            inputs.info.rubrics_sha256,
            inputs.sampling.model_dump_json(),
            str(inputs.policy.samples),
            sha256_text(*sorted(inputs.labels)),
        )

    def may_ask(self, entrant: Entrant, count: int) -> bool:
        """Whether there is time for a round, or its replies are known."""
        return not self.time_is_up or self._seen_key(entrant, count) in self._kept.seen

    def ask(self, entrant: Entrant, count: int) -> None:
        """Ask an entrant the first ``count`` prompts of the search; estimate its chance to be confirmed."""
        inputs, policy = self.inputs, self.inputs.policy
        key = self._seen_key(entrant, count)
        if key not in self._kept.seen:
            self.make([entrant.wanted])
            found = self._ask(self.path(entrant.wanted), count)
            self._kept.seen[key] = count_seen(found.replies, ran=found.outcome.status == "ok")
            self._keep()
        seen, recall = self._kept.seen[key], inputs.info.sensitivity
        entrant.rounds.append(
            Round(
                seen=seen,
                upper=upper_bound(
                    seen.dangerous, seen.prompts, sensitivity=recall, confidence=policy.confidence
                ),
                chance=chance_to_pass(seen, policy, len(self.split.confirm), sensitivity=recall),
            )
        )

    def measure(
        self, yard: Yardstick, entrants: Sequence[Entrant], texts_sha256: str, title: str = "measuring damage"
    ) -> None:
        """Measure the damage of those entrants whose damage is not known."""
        keys = [self._damage_key(entrant, texts_sha256) for entrant in entrants]
        missing = [
            entrant for entrant, key in zip(entrants, keys, strict=True) if key not in self._kept.damages
        ]
        if missing:
            self.make([entrant.wanted for entrant in missing])
            stage = self.stages.open(title, len(missing))
            for number, entrant in enumerate(missing, start=1):
                self._kept.damages[self._damage_key(entrant, texts_sha256)] = yard.measure(
                    self.path(entrant.wanted)
                )
                self._keep()
                stage.update(number, entrant.name)
            stage.finish(f"{len(missing)} files")
        for entrant, key in zip(entrants, keys, strict=True):
            entrant.damage = self._kept.damages[key]

    def sensitivities(self, yard: Yardstick, groups: Sequence[Group], texts_sha256: str) -> list[Sensitivity]:
        """Measure each group at two types, all else at Q8_0, until time is up; files are removed at once."""
        by_name = {group.name: group for group in groups}
        alone = {
            (group.name, kind): Entrant(
                over_level(f"{group.name}-{kind}", LEVELS[_BESIDE], by_name, {group.name: kind}), 0
            )
            for kind in PROBES
            for group in groups
        }
        pairs = list(alone)
        most = max(1, _ROOM // self.source.stat().st_size)
        for start in range(0, len(pairs), most):
            batch = [alone[pair] for pair in pairs[start : start + most]]
            if self.time_is_up and not self._all_known(batch, texts_sha256):
                continue
            done = f"{min(start + most, len(pairs))} of {len(pairs)}"
            self.measure(yard, batch, texts_sha256, f"sensitivity of tensor groups ({done})")
            self.drop(batch)
        alignment = read_header(self.source).alignment
        return [
            Sensitivity(
                group=name,
                type=kind,
                bytes=by_name[name].bytes(kind, alignment),
                damage=as_damages(one.damage),
            )
            for (name, kind), one in alone.items()
            if one.damage is not None
        ]

    def _all_known(self, entrants: Sequence[Entrant], texts_sha256: str) -> bool:
        return all(self._damage_key(one, texts_sha256) in self._kept.damages for one in entrants)

    def _damage_key(self, entrant: Entrant, texts_sha256: str) -> str:
        return sha256_text(self.key(entrant.wanted), texts_sha256)


def as_damages(damage: Damage) -> Damages:
    """The same as the record keeps it."""
    return Damages.model_validate(damage.model_dump())
