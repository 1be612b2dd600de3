import llama_cpp
import pytest

from quant_triage.data import UsageError
from quant_triage.quantize import ALL_LEVELS, LEVELS, parse_levels


def test_numbers_are_those_of_the_installed_llama_cpp() -> None:
    for name, level in LEVELS.items():
        constant = "LLAMA_FTYPE_ALL_F32" if name == "F32" else f"LLAMA_FTYPE_MOSTLY_{name}"
        assert getattr(llama_cpp, constant) == level.ftype, name


def test_all_means_the_eleven_levels_from_q2_k_to_q4_k_m_that_need_no_importance_matrix() -> None:
    assert (
        *("Q2_K", "Q3_K_S", "IQ3_S", "IQ3_M", "Q3_K_M", "Q3_K_L"),
        *("IQ4_XS", "Q4_0", "IQ4_NL", "Q4_K_S", "Q4_K_M"),
    ) == ALL_LEVELS
    assert tuple(level.name for level in parse_levels("all")) == ALL_LEVELS
    assert not any(LEVELS[name].needs_imatrix for name in ALL_LEVELS)
    assert {name for name in LEVELS if LEVELS[name].needs_imatrix} >= {"Q2_K_S", "IQ3_XXS", "IQ3_XS"}


def test_names_are_taken_in_any_case_once_and_in_order() -> None:
    chosen = parse_levels(" q4_k_m,Q8_0 , Q4_K_M,iq4_xs,")
    assert [level.name for level in chosen] == ["Q4_K_M", "Q8_0", "IQ4_XS"]


@pytest.mark.parametrize(("text", "named"), [("Q4_K_M,Q3_K_XS", "'Q3_K_XS'"), ("", "''"), (" , ", "' , '")])
def test_an_unknown_level_is_named_beside_the_known_ones(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_levels(text)
    assert named in str(caught.value)
    assert "Q4_K_M, " in str(caught.value)
