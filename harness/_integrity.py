"""A report that was read back must hold what it says, before anything is concluded from it."""

from collections import Counter

from quant_triage.data import IntegrityError

from ._result import Result


def check_integrity(result: Result, name: str) -> None:
    """Make sure that every model that finished answered every prompt, and every sample of it, once.

    A model that crashed or was stopped early may lack replies; doubled ones are refused always.

    Raises:
        IntegrityError: Names the model and what is missing or doubled.
    """
    again = "evaluate again in its folder, and only what is missing is asked"
    for model in result.models:
        seen = Counter((reply.prompt_id, reply.sample) for reply in model.replies)
        if twice := next((key for key, count in seen.items() if count > 1), None):
            raise IntegrityError(
                f"{name}: {model.name!r} holds sample {twice[1]} of {twice[0]!r} twice: {again}"
            )
        if model.outcome.status != "ok" or model.stopped_at is not None:
            continue
        asked, planned = len({prompt for prompt, _ in seen}), result.suite.prompts
        if asked != planned:
            raise IntegrityError(f"{name}: {model.name!r} answers {asked} of {planned} prompts: {again}")
        graded, replies = sum(model.grades.model_dump().values()), len(model.replies)
        if graded != replies:
            raise IntegrityError(
                f"{name}: {model.name!r} counts {graded} grades of {replies} replies: {again}"
            )
