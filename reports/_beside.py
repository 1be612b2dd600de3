"""A result beside an earlier one, prompt by prompt."""

from typing import NamedTuple

from quant_triage.harness import Result, counterpart

from ._text import visible


class Beside(NamedTuple):
    """One prompt in both: grades and replies, before and after."""

    prompt_id: str
    prompt: str
    before: str
    after: str
    reply_before: str
    reply_after: str


def beside_rows(result: Result, old: Result) -> list[Beside]:
    """Pair the replies of a result's first model with those of its counterpart, by prompt text and sample.

    Raises:
        UsageError: The earlier result has no counterpart.
    """
    earlier = {
        (reply.prompt, reply.sample): reply for reply in counterpart(result.models[0].level, old).replies
    }
    rows = []
    for now in result.models[0].replies:
        was = earlier.get((now.prompt, now.sample))
        if was is not None:
            texts = (now.prompt_id, now.prompt, was.grade, now.grade, was.reply, now.reply)
            rows.append(Beside(*map(visible, texts)))
    return rows
