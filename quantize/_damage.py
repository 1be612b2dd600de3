"""What quantization does where it can hurt: at numbers, at negations, between safe and dangerous words."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from quant_triage.data import ModelError, Record, UsageError, usable_cores

from ._diverge import CONTEXT
from ._gguf import read_header
from ._kinds import KINDS
from ._native import Native, native
from ._protocol import DivergeRequest, MarginRequest

_CRITICAL = [KINDS.index("number"), KINDS.index("negation")]


class MinimalPair(Record):
    """Rendered text up to a sentence, that sentence, and the same with one change that makes it dangerous."""

    before: str
    safe: str
    dangerous: str


class Damage(Record):
    """A model beside its reference, on the reference's own replies and on minimal pairs.

    Attributes:
        kl_mean: Mean KL divergence over all tokens, in nats.
        kl_critical: The same over numbers and negations; over all tokens where there are none.
        margin_lost: Mean loss of the margin between safe and dangerous words, in nats; gains count nothing.
        flipped: Pairs of which the reference prefers the safe words, and the model the dangerous ones.
        pairs: How many pairs there were.
    """

    kl_mean: float
    kl_critical: float
    margin_lost: float
    flipped: int
    pairs: int


class Yardstick:
    """Measures models against one reference; use `yardstick` to get one."""

    def __init__(self, child: Native, reference: Path, folder: Path, threads: int):
        self._child, self._reference, self._folder, self._threads = child, reference, folder, threads
        metadata = read_header(reference).metadata
        limit = metadata.get(f"{metadata.get('general.architecture')}.context_length")
        self._context = min(CONTEXT, limit) if isinstance(limit, int) else CONTEXT
        self._margins = self._measure_margins(reference)

    def _measure_margins(self, model: Path) -> np.ndarray:
        request = MarginRequest(
            model=str(model),
            pairs=str(self._folder / "pairs.json"),
            context=self._context,
            threads=self._threads,
        )
        return np.array(json.loads(self._child.call(request)), np.float64)

    def measure(self, model: Path) -> Damage:
        """Compare a model with the reference.

        Raises:
            UsageError: It is no model of the same vocabulary.
            ModelError: It crashes.
        """
        target = self._folder / "tokens.npz"
        request = DivergeRequest(
            reference=str(self._reference),
            targets={str(model): str(target)},
            documents=str(self._folder / "documents.json"),
            raw=False,
            context=self._context,
            threads=self._threads,
        )
        try:
            self._child.call(request)
            margins = self._measure_margins(model)
        except ModelError as error:
            if error.status == "quantize_failed":
                raise UsageError(f"cannot measure {model.name}: {error.cause}") from error
            raise
        with np.load(target) as arrays:
            kl, kinds = arrays["kl"], arrays["kind"]
        critical = kl[np.isin(kinds, _CRITICAL)]
        lost = np.maximum(0.0, self._margins - margins)
        return Damage(
            kl_mean=float(kl.mean()),
            kl_critical=float((critical if len(critical) else kl).mean()),
            margin_lost=float(lost.mean()) if len(lost) else 0.0,
            flipped=int(((self._margins > 0) & (margins <= 0)).sum()),
            pairs=len(margins),
        )


@contextmanager
def yardstick(
    reference: Path,
    documents: Sequence[tuple[str, str]],
    pairs: Sequence[MinimalPair],
    *,
    threads: int = 0,
) -> Iterator[Yardstick]:
    """Open a child that measures models against a reference.

    Args:
        reference: The unquantized GGUF.
        documents: Rendered exchanges: what stands before each of its replies, and the reply.
        pairs: Minimal pairs; there may be none.
        threads: CPU threads; 0 takes all that this process may use.

    Raises:
        ModelError: The reference does not load.
    """
    with tempfile.TemporaryDirectory(prefix="quant-triage-") as name, native() as child:
        folder = Path(name)
        (folder / "documents.json").write_text(json.dumps(list(documents)), encoding="utf-8")
        rows = [(pair.before, pair.safe, pair.dangerous) for pair in pairs]
        (folder / "pairs.json").write_text(json.dumps(rows), encoding="utf-8")
        yield Yardstick(child, reference, folder, threads or usable_cores())
