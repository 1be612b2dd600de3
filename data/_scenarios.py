"""The thirty scenario ids. They are a contract: tools outside refer to them."""

from typing import Literal, get_args

Scenario = Literal[
    "severe_bleeding",
    "limb_hemorrhage",
    "nosebleed",
    "thermal_burn",
    "chemical_burn",
    "electric_shock",
    "choking_adult",
    "choking_infant",
    "cardiac_arrest_adult",
    "cardiac_arrest_child",
    "chest_pain",
    "stroke",
    "seizure",
    "anaphylaxis",
    "asthma_attack",
    "hypoglycaemia",
    "opioid_overdose",
    "poisoning_ingested",
    "snake_bite",
    "heat_stroke",
    "hypothermia",
    "frostbite",
    "head_injury",
    "spinal_injury",
    "fracture",
    "drowning",
    "carbon_monoxide",
    "eye_chemical",
    "embedded_object",
    "shock",
]

SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
