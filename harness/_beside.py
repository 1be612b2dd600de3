"""What quantization changed (each level beside the reference) and what fine-tuning did (reference, base)."""

from collections.abc import Sequence

from ._compare import adjust, compare_models
from ._comparison import Comparison
from ._result import ModelResult


def _comparable(before: ModelResult, after: ModelResult) -> bool:
    """Whether they answered any prompt in common; of a crashed model there may be nothing to compare."""
    asked = {reply.prompt_id for reply in before.replies}
    return any(reply.prompt_id in asked for reply in after.replies)


def beside_reference(
    models: Sequence[ModelResult], base: ModelResult | None, *, confidence: float
) -> tuple[tuple[Comparison, ...], Comparison | None]:
    """Compare each level with the unquantized reference, and the reference with the base that was tuned.

    Args:
        models: All models, best first.
        base: What was fine-tuned, if it was asked.
        confidence: One-sided level of the bounds on changes.

    Returns:
        What quantization changed, one entry a level, adjusted for their number; and what fine-tuning changed,
        or ``None`` where the base was not asked. Without a reference, nothing.
    """
    reference = next((model for model in models if model.reference and model.replies), None)
    if reference is None:
        return (), None
    levels = [
        compare_models(reference, model, confidence=confidence)
        for model in models
        if not model.reference and _comparable(reference, model)
    ]
    tuned = None
    if base is not None and _comparable(base, reference):
        tuned = compare_models(base, reference, confidence=confidence)
    return tuple(adjust(levels)), tuned
