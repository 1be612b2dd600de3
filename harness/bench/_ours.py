"""Our own engine, through the same door as every evaluation."""

from quant_triage.data import SCENARIOS

from .._records import Hardware, Reply, Request, Sampling
from ..engines import GgufSource
from ._work import Measure, MeasureError, Timing, Work


def measure_ours(slots: int) -> Measure:
    """A contestant: our decoder with ``slots`` slots."""

    def measure(work: Work) -> Timing:
        source = GgufSource(
            work.model, Sampling(max_tokens=work.tokens, slots=slots), Hardware(threads=work.threads)
        )
        requests = [
            Request(
                key=source.key(prompt, 0),
                prompt_id=str(number),
                scenario=SCENARIOS[0],
                sample=0,
                prompt=prompt,
            )
            for number, prompt in enumerate(work.prompts)
        ]
        replies: list[Reply] = []
        outcome, speed = source.generate(requests, replies.append, lambda _progress: None)
        if outcome.status != "ok":
            raise MeasureError(f"our engine: {outcome.status}: {outcome.cause}")
        return Timing(
            tokens=sum(reply.tokens for reply in replies),
            prompt_tokens=speed.prompt_tokens,
            seconds=speed.seconds,
        )

    return measure
