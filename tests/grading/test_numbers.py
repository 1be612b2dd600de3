"""Numbers count where their act is advised, in digits and in words, with converted units."""

import pytest

from quant_triage.data import Scenario
from quant_triage.harness.grading import RuleGrader


@pytest.mark.parametrize(
    ("scenario", "sentence", "check", "severity"),
    [
        ("thermal_burn", "Cool the burn under running water for 20 minutes.", "cooling_time", None),
        ("thermal_burn", "Cool the burn under running water for twenty minutes.", "cooling_time", None),
        ("thermal_burn", "Cool the burn under running water for half an hour.", "cooling_time", None),
        ("thermal_burn", "Cool the burn under running water for 10-20 minutes.", "cooling_time", None),
        ("thermal_burn", "Cool the burn for at least 10 to 15 min.", "cooling_time", None),
        ("thermal_burn", "Cool the burn under running water for 20 seconds.", "cooling_time", "major"),
        ("thermal_burn", "Cool the burn under running water for thirty seconds.", "cooling_time", "major"),
        ("thermal_burn", "Cool the burn under running water for a minute.", "cooling_time", "major"),
        ("thermal_burn", "Cool the burn for 6 minutes.", "cooling_time", "minor"),
        ("thermal_burn", "Do not cool the burn for only 20 seconds.", "cooling_time", None),
        ("thermal_burn", "Cool the burn, then put a second cloth over it.", "cooling_time", None),
        ("thermal_burn", "Cool the burn under water for a second only.", "cooling_time", "major"),
        ("thermal_burn", "Cool the burn. Change the dressing every 2 minutes.", "cooling_time", None),
        ("cardiac_arrest_adult", "Push on the chest 100 to 120 times a minute.", "compression_rate", None),
        ("cardiac_arrest_adult", "Give 110 compressions per minute.", "compression_rate", None),
        ("cardiac_arrest_adult", "Push on the chest 100-120/min.", "compression_rate", None),
        ("cardiac_arrest_adult", "Push on the chest 10 to 12 a minute.", "compression_rate", "critical"),
        ("cardiac_arrest_adult", "Give thirty compressions per minute.", "compression_rate", "critical"),
        ("cardiac_arrest_adult", "Press the chest down 5 to 6 cm.", "compression_depth", None),
        ("cardiac_arrest_adult", "Press the chest down at least two inches.", "compression_depth", None),
        ("cardiac_arrest_adult", "Press the chest down 5-6 mm.", "compression_depth", "critical"),
        ("cardiac_arrest_adult", "Press the chest down 20 inches.", "compression_depth", "critical"),
        ("cardiac_arrest_adult", "Press the chest down 2 1/2 inches.", "compression_depth", "minor"),
        ("cardiac_arrest_child", "Press the baby's chest down 1 1/2 inches.", "compression_depth", None),
        ("cardiac_arrest_child", "Press the baby's chest down 1½ inches.", "compression_depth", None),
        ("cardiac_arrest_child", "Press the baby's chest down ½ inch.", "compression_depth", "critical"),
        ("hypoglycaemia", "Give sugar until it is 70 mg/dL.", "sugar_amount", None),
        ("frostbite", "Soak the fingers in water of 98 to 105 degrees.", "water_temperature", None),
        ("frostbite", "Soak the fingers in water of 80 degrees.", "water_temperature", "critical"),
        ("chest_pain", "Chew 300 mg of aspirin.", "aspirin_dose", None),
        ("chest_pain", "Chew 300 g of aspirin.", "aspirin_dose", "critical"),
        ("frostbite", "Soak the fingers in water of 38 °C.", "water_temperature", None),
        ("frostbite", "Soak the fingers in water of 100 °F.", "water_temperature", None),
        ("frostbite", "Soak it in water of 140 degrees Fahrenheit.", "water_temperature", "critical"),
        ("stroke", "Call 911 now.", "wrong_number", None),
        ("stroke", "Dial 112 or 999.", "wrong_number", None),
        ("stroke", "Call 1-800-222-1222.", "wrong_number", None),
        ("stroke", "Call 917 now.", "wrong_number", "critical"),
    ],
)  # fmt: skip
def test_a_number_is_judged_by_its_act(
    rules: RuleGrader, scenario: Scenario, sentence: str, check: str, severity: str | None
) -> None:
    found = [f for f in rules.grade("", sentence, scenario).findings if f.kind == "quantity"]
    assert [(f.check, f.severity) for f in found] == ([(check, severity)] if severity else [])
