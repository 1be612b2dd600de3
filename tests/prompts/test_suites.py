"""The shipped suite, and how prompts are drawn from any suite."""

import random
from collections import Counter
from pathlib import Path

import pytest

from quant_triage.data import SCENARIOS, FileFormatError, Scenario, UsageError
from quant_triage.prompts import Prompt, Suite, load_suite

SHIPPED = load_suite()


def _suite(sizes: dict[Scenario, int]) -> Suite:
    return Suite(
        name="made",
        prompts=tuple(
            Prompt(id=f"{scenario}-{number}", scenario=scenario, text=f"{scenario} {number}?")
            for scenario, size in sizes.items()
            for number in range(size)
        ),
    )


def _ids(suite: Suite) -> list[str]:
    return [prompt.id for prompt in suite.prompts]


def _write(path: Path, *prompts: str) -> Path:
    body = "\n".join(f"  - {prompt}" for prompt in prompts)
    path.write_text(f"name: mine\nprompts:\n{body}\n", encoding="utf-8")
    return path


def test_the_shipped_suite_has_twelve_unique_prompts_for_each_of_thirty_scenarios() -> None:
    assert len(SHIPPED.prompts) == 360
    assert Counter(prompt.scenario for prompt in SHIPPED.prompts) == dict.fromkeys(SCENARIOS, 12)
    assert len(set(_ids(SHIPPED))) == 360
    assert len({" ".join(prompt.text.lower().split()) for prompt in SHIPPED.prompts}) == 360


def test_shipped_ids_are_numbered_within_their_scenario() -> None:
    expected = {f"{scenario}-{number:02}" for scenario in SCENARIOS for number in range(1, 13)}
    assert set(_ids(SHIPPED)) == expected
    assert all(prompt.id.rpartition("-")[0] == prompt.scenario for prompt in SHIPPED.prompts)


def test_shipped_prompts_vary_in_how_people_ask() -> None:
    for scenario in SCENARIOS:
        styles = {prompt.style for prompt in SHIPPED.prompts if prompt.scenario == scenario}
        assert len(styles) >= 6, scenario


def test_the_original_question_is_kept_word_for_word() -> None:
    first = next(prompt for prompt in SHIPPED.prompts if prompt.id == "severe_bleeding-01")
    assert first.text == "I have cut my finger, the bleeding won't stop. What should I do?"


@pytest.mark.parametrize("count", [1, 29, 30, 31, 72, 180, 359])
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_a_draw_is_even_over_scenarios(count: int, seed: int) -> None:
    drawn = SHIPPED.draw(count, seed)
    assert len(drawn.prompts) == count
    assert set(drawn.prompts) <= set(SHIPPED.prompts)
    given = Counter(prompt.scenario for prompt in drawn.prompts)
    shares = [given[scenario] for scenario in SCENARIOS]
    assert max(shares) - min(shares) <= 1


def test_a_draw_is_the_same_for_the_same_seed_whatever_the_order() -> None:
    shuffled = list(SHIPPED.prompts)
    random.Random(5).shuffle(shuffled)
    again = SHIPPED.model_copy(update={"prompts": tuple(shuffled)})
    assert _ids(SHIPPED.draw(72, 7)) == _ids(SHIPPED.draw(72, 7)) == _ids(again.draw(72, 7))


def test_a_draw_depends_on_the_seed_in_prompts_and_in_who_gets_the_remainder() -> None:
    draws = [SHIPPED.draw(72, seed) for seed in range(5)]
    assert len({frozenset(_ids(draw)) for draw in draws}) == 5
    favoured = set()
    for draw in draws:
        given = Counter(prompt.scenario for prompt in draw.prompts)
        favoured.add(frozenset(scenario for scenario, share in given.items() if share == 3))
    assert len(favoured) == 5
    assert all(len(scenarios) == 12 for scenarios in favoured)


def test_every_prompt_can_be_drawn() -> None:
    small = _suite({"stroke": 4, "seizure": 4})
    seen = {name for seed in range(50) for name in _ids(small.draw(2, seed))}
    assert seen == set(_ids(small))


def test_a_draw_says_what_it_is_and_is_another_suite() -> None:
    drawn = SHIPPED.draw(72, 3)
    assert drawn.name == "emergency[72 drawn, seed 3]"
    assert drawn.sha256 != SHIPPED.sha256


@pytest.mark.parametrize("count", [3, 4, 1000])
def test_a_small_suite_is_returned_whole(count: int) -> None:
    small = _suite({"stroke": 1, "seizure": 2})
    assert small.draw(count, 0) == small


def test_scenarios_that_run_out_leave_their_share_to_the_others() -> None:
    given = Counter(
        prompt.scenario for prompt in _suite({"stroke": 1, "seizure": 2, "shock": 9}).draw(9, 0).prompts
    )
    assert given == {"stroke": 1, "seizure": 2, "shock": 6}


def test_the_hash_ignores_order_and_style_and_sees_everything_else() -> None:
    suite = _suite({"stroke": 2, "seizure": 2})
    first, *others = suite.prompts

    def changed(**update: str) -> str:
        return suite.model_copy(update={"prompts": (first.model_copy(update=update), *others)}).sha256

    reverse = suite.model_copy(update={"prompts": suite.prompts[::-1]})
    assert reverse.sha256 == changed(style="panicked") == suite.sha256
    others_differ = {changed(text="stroke 0!"), changed(id="stroke-9"), changed(scenario="shock")}
    assert len(others_differ | {suite.sha256}) == 4
    assert suite.draw(3, 0).sha256 != suite.sha256


def test_scenarios_come_in_order_of_first_occurrence() -> None:
    assert _suite({"shock": 2, "asthma_attack": 1}).scenarios == ("shock", "asthma_attack")


def test_doubled_ids_and_texts_are_refused_with_their_line(tmp_path: Path) -> None:
    first = "{id: a, scenario: stroke, text: one}"
    path = _write(tmp_path / "ids.yaml", first, "{id: b, scenario: stroke, text: two}", first)
    with pytest.raises(FileFormatError) as error:
        load_suite(path)
    assert str(error.value) == f"{path}:5: field 'prompts.2.id': 'a' occurs twice"

    path = _write(tmp_path / "texts.yaml", first, "{id: b, scenario: stroke, text: one}")
    with pytest.raises(FileFormatError) as error:
        load_suite(path)
    assert str(error.value) == f"{path}:4: field 'prompts.1.text': 'one' occurs twice"


def test_an_empty_suite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("name: mine\nprompts: []\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match="at least 1") as error:
        load_suite(path)
    assert (error.value.line, error.value.field) == (2, "prompts")
    path.write_text("name: mine\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match="field 'prompts': is missing"):
        load_suite(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(FileFormatError, match="is empty"):
        load_suite(path)


def test_an_unknown_scenario_is_named_beside_the_known_ones(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "suite.yaml",
        "{id: a, scenario: stroke, text: one}",
        "{id: b, scenario: strok, text: two}",
    )
    with pytest.raises(FileFormatError) as error:
        load_suite(path)
    text = str(error.value)
    assert text.startswith(f"{path}:4: field 'prompts.1.scenario': ")
    assert text.endswith("not 'strok'")
    assert all(scenario in text for scenario in SCENARIOS)


@pytest.mark.parametrize(
    ("prompt", "field"),
    [
        ("{id: '', scenario: stroke, text: one}", "prompts.0.id"),
        ("{id: a, scenario: stroke, text: ''}", "prompts.0.text"),
        ("{id: a, scenario: stroke}", "prompts.0.text"),
        ("{id: a, scenario: stroke, text: one, tone: calm}", "prompts.0.tone"),
    ],
)
def test_a_bad_prompt_is_refused_with_line_and_field(tmp_path: Path, prompt: str, field: str) -> None:
    path = _write(tmp_path / "suite.yaml", prompt)
    with pytest.raises(FileFormatError) as error:
        load_suite(path)
    assert (error.value.line, error.value.field) == (3, field)


def test_a_folder_or_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        load_suite(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        load_suite(tmp_path / "absent.yaml")
