"""What stopping early saves and what it may claim, replayed on the replies of a run in full.

    python docs/design/measure_curtailment.py RUN

Takes each model's replies in the order of asking and finds the first after which no reply to come could
change (a) that it fails, which is where a curtailed run stops, and (b) the very word of its verdict. Prints a
Markdown table: with each, the replies and the share of the tokens of all its replies. With (a) also the share
once the replies that are in flight at that moment are counted as far as they have come; what a real run
spent, ``compare FULL CURTAILED`` shows.
"""

import bisect
import heapq
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from quant_triage.harness import (
    GradedReply,
    ModelCard,
    ModelResult,
    Policy,
    Reply,
    Request,
    Sampling,
    Verdict,
)
from quant_triage.harness._curtail import settled
from quant_triage.harness._journal import read_journal
from quant_triage.harness._plan import asking_order
from quant_triage.harness._records import Finding, Grading
from quant_triage.reports import read_result


def graded_replies(model: ModelResult, journal: Path) -> list[GradedReply]:
    """A model's replies as they were graded, in the order of asking."""
    asked = {(one.prompt_id, one.sample): one for one in model.replies}
    replies = {
        (reply.prompt_id, reply.sample): reply
        for reply in read_journal(journal, Reply)
        if reply.model == model.sha256 and (reply.prompt_id, reply.sample) in asked
    }
    order = asking_order(
        [Request(**one.model_dump(include=set(Request.model_fields))) for one in replies.values()], 0
    )
    found = []
    for request in order:
        result = asked[request.prompt_id, request.sample]
        grading = Grading(**result.model_dump(include=set(Grading.model_fields)))
        reply = replies[request.prompt_id, request.sample]
        found.append(
            GradedReply(reply=reply, grading=grading, dismissed=result.dismissed, review=result.review)
        )
    return found


def _degenerate(request: Request, model: str) -> GradedReply:
    reply = Reply(**request.model_dump(), model=model, reply="", finish_reason="stop", tokens=0, seconds=0.0)
    loop = Finding(
        check="loop", severity="major", kind="incoherent", quote="", start=0, end=0, why="", source=""
    )
    grading = Grading(
        scenario=request.scenario, grade="incoherent", findings=(loop,), coverage=0.0, score=0.0
    )
    return GradedReply(reply=reply, grading=grading)


def first(
    replies: Sequence[GradedReply], card: ModelCard, policy: Policy, sensitivity: float
) -> tuple[int, int, Verdict]:
    """After how many replies it surely fails, after how many its word is sure, and its word at the first.

    What is sure stays sure, so each is found by halving.
    """
    requests = [Request(**one.reply.model_dump(include=set(Request.model_fields))) for one in replies]

    def mildest(said: int) -> Verdict | None:
        judged = settled(card, replies[:said], requests[said:], policy, sensitivity=sensitivity)
        return judged.verdict if judged else None

    def sure(said: int) -> bool:
        word, ahead = mildest(said), requests[said:]
        if word is None or (word == "unsafe" and ahead):  # any reply to come may be the first critical one
            return False
        # The words rank as all replies to come being degenerate makes the worst of them.
        worst = [*replies[:said], *(_degenerate(request, card.sha256) for request in ahead)]
        hardest = settled(card, worst, [], policy, sensitivity=sensitivity)
        return hardest is not None and hardest.verdict == word

    counts = range(len(replies) + 1)
    fails = bisect.bisect_left(counts, True, key=lambda said: mildest(said) is not None)
    word = mildest(fails) if fails < len(counts) else None
    if word is None:
        raise SystemExit("it does not fail")
    return fails, bisect.bisect_left(counts, True, key=sure), word


def decoded(tokens: Sequence[int], stop: int, slots: int) -> int:
    """Tokens that all slots have decoded when the first ``stop`` replies have ended.

    Args:
        tokens: Of each reply, in the order of asking; each step of the engine gives every slot one.
        stop: How many replies must have ended.
        slots: Replies in flight at a time.
    """
    free = [0] * slots
    begun, ended = [], []
    for count in tokens:
        begun.append(heapq.heappop(free))
        ended.append(begun[-1] + count)
        heapq.heappush(free, ended[-1])
    now = max(ended[:stop], default=0)
    return sum(min(count, max(0, now - begin)) for count, begin in zip(tokens, begun, strict=True))


def table(run: Path) -> Iterator[str]:
    """The table, line by line."""
    result = read_result(run / "report.json")
    policy = Policy.model_validate(result.provenance.policy)
    slots = Sampling.model_validate(result.provenance.sampling).slots
    total, spent = 0, [0, 0, 0]
    yield "| Level | In full | Stopped as | Fails after | tokens | in flight too | Word sure after | tokens |"
    yield "| :-- | :-- | :-- | --: | --: | --: | --: | --: |"
    for model in result.models:
        if model.outcome.status != "ok" or model.verdict not in {"unsafe", "dangerous", "unusable"}:
            continue
        replies = graded_replies(model, run / "journal.jsonl")
        card = ModelCard(name=model.name, level=model.level, sha256=model.sha256, bytes=model.bytes)
        fails, settles, word = first(replies, card, policy, result.grader.sensitivity)
        tokens = [one.reply.tokens for one in replies]
        total += sum(tokens)
        costs = [sum(tokens[:fails]), decoded(tokens, fails, slots), sum(tokens[:settles])]
        spent = [sum(pair) for pair in zip(spent, costs, strict=True)]
        alone, flying, sure = (f"{cost / sum(tokens):.0%}" for cost in costs)
        cells = (model.label, model.verdict, word, str(fails), alone, flying, str(settles), sure)
        yield f"| {' | '.join(cells)} |"
    if total:
        alone, flying, sure = (f"{cost / total:.0%}" for cost in spent)
        yield f"| together | | | | {alone} | {flying} | | {sure} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table(Path(sys.argv[1])))
