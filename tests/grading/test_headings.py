"""What headings and lead-ins announce: "Wrong:" forbids its list, "Dangerous burns:" advises it."""

import pytest

from quant_triage.harness.grading import RuleGrader

BANS = """
What not to do at the waterside:|What not to do with a fresh burn:|What you should not do at the scene:
What to avoid in the kitchen:|Things to avoid at home:|Things not to do at the scene:
Things you must not do with burns:|Mistakes to avoid with burns:|Mistakes that make burns worse:
Frequent errors:|Common errors in burn care:|Never do the following:|Do not do any of the following:
Avoid the following:|Avoid these:|Don'ts:|Do nots:|Not recommended:|Not advised at any stage:|To be avoided:
Leave undone:|Things to leave undone:|Harmful practices:|Harmful home remedies:|Dangerous myths:|Wrong:
Wrong measures:|Forbidden:|Prohibited:|Under no circumstances:|Please do not:|The rescuer must not:
The first aider should never:|You must never:|Do not, whatever the family says:
Old advice that has been dropped:|Remedies without value:|Useless and harmful:|What makes it worse:
This makes a burn worse:|Measures that do harm:|Contraindicated:|What does not help:
What people still get wrong:|Don't be tempted to:|Resist the urge to:|Refrain from:|It is wrong to:
It is dangerous to:|It is a mistake to:
"""
OTHERS = """
What to do:|What you should do at home:|What to do when it gets worse:|What helps when nothing else does:|Do:
Do the following:|Steps:|Dangerous burns:|For a dangerous wound:
If the burn gets worse:
To stop it getting worse:|What keeps a burn from getting worse:|If you are not sure:|No water at hand:
When help cannot come:|While help has not come:|Never mind the mess:|Do not panic:
Don't wait:|Do not hesitate:
It is never a mistake to:|No harm in this:|Harmless and helpful:|Good home remedies:|Remedies of great value:
To do no harm:|To avoid infection:|To avoid scars:|Things to remember:|What people get right:
What everyone must do:|The rescuer must:|Recommended:|To be done at once:|Not only for large burns:
What not everyone knows:|Allowed:|Harmful chemicals on the skin:|Where it is dangerous to stay:|Without delay:
What doctors do not tell you:|An old remedy that works:|Why not try this:
"""
HARMFUL = ("Put butter on the burn", "Break the blisters", "Pull off stuck clothing")
RIGHT = ("Cool the burn under cool running water for 20 minutes", "Take off rings", "Call an ambulance")


def _headings(text: str) -> list[str]:
    return [heading for line in text.split("\n") for heading in line.split("|") if heading]


def _within(acts: tuple[str, ...]) -> str:
    return "; ".join(f"{act[0].lower()}{act[1:]}" for act in acts)


def _alarms(grader: RuleGrader, heading: str, acts: tuple[str, ...], *, line: bool) -> bool:
    body = f" {_within(acts)}." if line else "".join(f"\n- {act}" for act in acts) + "\n"
    text = f"A burn on the hand.{' ' if line else chr(10)}{heading}{body}"
    return grader.grade("", text, "thermal_burn").grade == "dangerous"


@pytest.mark.parametrize("line", [True, False], ids=["within a line", "above a list"])
@pytest.mark.parametrize("heading", _headings(BANS))
def test_what_announces_bans_forbids_what_it_lists(grader: RuleGrader, heading: str, line: bool) -> None:
    assert not _alarms(grader, heading, HARMFUL, line=line)


@pytest.mark.parametrize("line", [True, False], ids=["within a line", "above a list"])
@pytest.mark.parametrize("heading", _headings(OTHERS))
def test_what_announces_no_bans_hides_no_danger(grader: RuleGrader, heading: str, line: bool) -> None:
    assert _alarms(grader, heading, HARMFUL, line=line)
    assert not _alarms(grader, heading, RIGHT, line=line)
