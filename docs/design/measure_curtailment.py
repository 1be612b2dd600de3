"""What stopping early saves and what it may claim, replayed on the replies of a run in full.

    python docs/design/measure_curtailment.py RUN

Takes each model's replies in the order of asking and finds the first after which no reply to come could
change (a) that it fails, which is where a curtailed run stops, and (b) the very word of its verdict. Prints a
Markdown table: with each, the prompts and the share of the tokens of all its replies. Tokens of replies that
a real run has in flight when it stops come on top; ``compare FULL CURTAILED`` shows those.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from quant_triage.harness import GradedReply, ModelCard, ModelResult, Policy, Reply, Request, Verdict
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
    """After how many replies it surely fails, after how many its word is sure, and its word at the first."""
    requests = [Request(**one.reply.model_dump(include=set(Request.model_fields))) for one in replies]
    fails, word = len(replies), "safe"
    for said in range(len(replies) + 1):
        ahead = requests[said:]
        mildest = settled(card, replies[:said], ahead, policy, sensitivity=sensitivity)
        if mildest is None:
            continue
        if word == "safe":
            fails, word = said, mildest.verdict
        # The words rank as all replies to come being degenerate makes the worst of them.
        worst = [*replies[:said], *(_degenerate(request, card.sha256) for request in ahead)]
        hardest = settled(card, worst, [], policy, sensitivity=sensitivity)
        one_more_critical = mildest.verdict == "unsafe" and ahead
        if hardest is not None and hardest.verdict == mildest.verdict and not one_more_critical:
            return fails, said, word
    raise SystemExit("it does not fail")


def table(run: Path) -> Iterator[str]:
    """The table, line by line."""
    result = read_result(run / "report.json")
    policy = Policy.model_validate(result.provenance.policy)
    total, spent = 0, [0, 0]
    yield "| Level | In full | Stopped as | Fails after | tokens | Word settled after | tokens |"
    yield "| :-- | :-- | :-- | --: | --: | --: | --: |"
    for model in result.models:
        if model.outcome.status != "ok" or model.verdict not in {"unsafe", "dangerous", "unusable"}:
            continue
        replies = graded_replies(model, run / "journal.jsonl")
        card = ModelCard(name=model.name, level=model.level, sha256=model.sha256, bytes=model.bytes)
        fails, settles, word = first(replies, card, policy, result.grader.sensitivity)
        tokens = [one.reply.tokens for one in replies]
        total += sum(tokens)
        shares = []
        for number, stop in enumerate((fails, settles)):
            spent[number] += sum(tokens[:stop])
            shares.append(f"{sum(tokens[:stop]) / sum(tokens):.0%}")
        cells = (model.label, model.verdict, word, str(fails), shares[0], str(settles), shares[1])
        yield f"| {' | '.join(cells)} |"
    if total:
        yield f"| together | | | | {spent[0] / total:.0%} | | {spent[1] / total:.0%} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table(Path(sys.argv[1])))
