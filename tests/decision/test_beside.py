"""What quantization and what fine-tuning changed, as it stands in a result."""

from dataclasses import replace

from quant_triage.harness import ModelRun, Outcome

from ._cases import clean, critical, major, mixed, model, report


def _base(run: ModelRun) -> ModelRun:
    return replace(run, card=run.card.model_copy(update={"base": True}))


def test_each_level_stands_beside_the_reference_and_p_values_carry_their_number() -> None:
    reference = model("F16", mixed(72, major(0)), reference=True)
    broken = model("Q2_K", mixed(72, *[critical(number) for number in range(8)]))
    same = model("Q4_K_M", mixed(72, major(0)))
    found = {one.level: one for one in report([reference, broken, same]).quantization}
    assert set(found) == {"Q2_K", "Q4_K_M"}
    assert (found["Q2_K"].worse, found["Q2_K"].better) == (7, 0)
    assert found["Q4_K_M"].flips == ()
    alone = report([reference, broken]).quantization[0]
    assert found["Q2_K"].p_worse["dangerous"] == 2 * alone.p_worse["dangerous"]


def test_the_base_is_compared_and_takes_no_part_in_ranking_or_decision() -> None:
    reference = model("F16", mixed(72, major(0)), reference=True)
    base = _base(model("F16", clean(72), name="base"))
    level = model("Q4_K_M", mixed(72, critical(0)))
    result = report([base, reference, level])
    without = report([reference, level])
    assert result.models == without.models
    assert result.decision == without.decision
    assert result.base is not None
    assert result.base.name == "base"
    assert result.fine_tuning is not None
    assert (result.fine_tuning.worse, result.fine_tuning.better) == (1, 0)
    assert result.fine_tuning.before_sha256 == result.base.sha256


def test_without_a_reference_that_answered_nothing_is_compared() -> None:
    crashed = model("F16", (), reference=True, outcome=Outcome(status="crashed", cause="signal 11"))
    for runs in ([model("Q4_K_M", clean(72))], [crashed, model("Q4_K_M", clean(72))]):
        result = report(runs)
        assert result.quantization == ()
        assert result.fine_tuning is None
