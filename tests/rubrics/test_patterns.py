import pytest

from quant_triage.rubrics import parse_pattern


def test_a_pattern_is_slots_with_order_nearness_and_absence() -> None:
    pattern = parse_pattern("APPLY + butter|cooking oil > burn & child - remove|wash off")
    assert [slot.sets for slot in pattern.slots] == [("APPLY",), (), ()]
    assert pattern.slots[1].words == ("butter", "cooking oil")
    assert pattern.follows == (False, False, True)
    assert pattern.nearby[0].words == ("child",)
    assert pattern.absent[0].words == ("remove", "wash off")
    assert pattern.sets == ("APPLY",)


@pytest.mark.parametrize(
    "text",
    ["", "butter +", "+ butter", "butter |", "But ter", "butter - ice + APPLY", "a & b > c", "butter!"],
)
def test_a_pattern_outside_the_language_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is neither|must come before"):
        parse_pattern(text)
