import ctypes
from pathlib import Path

import llama_cpp
import pytest

from quant_triage.data import FileFormatError, UsageError
from quant_triage.harness.engines import read_header as read_gguf
from quant_triage.quantize import (
    LEVELS,
    TYPE_NUMBERS,
    Gemma3nShape,
    Level,
    Recipe,
    load_recipe,
    parse_levels,
    plan_sizes,
    quantize,
    read_header,
    recipe_names,
    write_shaped,
)

pytestmark = pytest.mark.slow

SMALL = Gemma3nShape(width=256, feed=256, heads=4, kv_heads=1, vocabulary=2048)


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Gemma 3n in shape alone: 30 layers, most weights in its tables."""
    path = tmp_path_factory.mktemp("shaped") / "small-F16.gguf"
    write_shaped(path, SMALL)
    return path


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_recipe_pins_every_tensor_and_has_the_bytes_that_llama_cpp_writes(
    shaped: Path, tmp_path: Path
) -> None:
    """llama.cpp, with every tensor pinned to the planned type by an override of its own."""
    file = quantize(shaped, tmp_path, [load_recipe("gemma3n-compact")])[0]
    made = read_header(tmp_path / file.file)
    assert read_gguf(tmp_path / file.file).recipe == "gemma3n-compact"
    types = {tensor.name: tensor.type for tensor in made.tensors}
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = LEVELS["Q4_K_M"].ftype
    pins = (llama_cpp.llama_model_tensor_override * (len(types) + 1))()
    for slot, (name, kind) in zip(pins, types.items(), strict=False):
        slot.pattern, slot.type = f"^{name}$".encode(), TYPE_NUMBERS[kind]
    params.tt_overrides = pins
    target = tmp_path / "stock.gguf"
    assert not llama_cpp.llama_model_quantize(
        str(shaped).encode(), str(target).encode(), ctypes.byref(params)
    )
    stock = read_header(target)
    assert {t.name: t.type for t in stock.tensors} == types
    ours, theirs = (tmp_path / file.file).read_bytes(), target.read_bytes()
    assert ours[made.data_offset :] == theirs[stock.data_offset :]


def test_the_compact_recipe_takes_bits_from_the_table_alone_and_is_smaller_than_q2_k(
    shaped: Path, tmp_path: Path
) -> None:
    files = quantize(shaped, tmp_path, [*parse_levels("Q2_K,Q4_K_M"), load_recipe("gemma3n-compact")])
    q2, q4, compact = files
    assert compact.bytes < q2.bytes < q4.bytes
    assert (compact.level, compact.base, compact.file) == (
        "gemma3n-compact",
        "Q4_K_M",
        "small-gemma3n-compact.gguf",
    )
    before, after = ({t.name: t.type for t in read_header(tmp_path / f.file).tensors} for f in (q4, compact))
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert changed == {"per_layer_token_embd.weight": ("Q6_K", "Q4_K")}


def test_sizes_are_exact_before_anything_is_written(shaped: Path, tmp_path: Path) -> None:
    wanted: list[Level | Recipe] = [*parse_levels("Q2_K,IQ4_XS"), load_recipe("gemma3n-compact")]
    planned = plan_sizes(shaped, wanted)
    assert list(tmp_path.iterdir()) == []
    files = quantize(shaped, tmp_path, wanted)
    assert planned == {file.level: file.bytes for file in files}
    assert planned == {file.level: (tmp_path / file.file).stat().st_size for file in files}


def test_a_changed_recipe_is_made_anew(shaped: Path, tmp_path: Path) -> None:
    text = "base: Q4_K_M\ntypes:\n  'token_embd\\.weight': {}\n"
    first = quantize(shaped, tmp_path, [load_recipe(write(tmp_path / "mine.yaml", text.format("Q4_K")))])[0]
    second = quantize(shaped, tmp_path, [load_recipe(write(tmp_path / "mine.yaml", text.format("Q8_0")))])[0]
    assert first.file == second.file == "small-mine.gguf"
    assert first.bytes < second.bytes


def test_shipped_recipes_load_and_say_what_is_known() -> None:
    assert "gemma3n-compact" in recipe_names()
    for name in recipe_names():
        about = load_recipe(name).about
        assert "Known:" in about
        assert "Not known:" in about


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: Q9_K\ntypes: {a: Q4_K}", "Q9_K"),
        ("base: F16\ntypes: {a: Q4_K}", "F16"),
        ("base: Q4_K_M\ntypes: {a: Q4_K_M}", "'Q4_K_M' is not a type of ggml"),
        ("base: Q4_K_M\ntypes: {'(': Q4_K}", "is not a regular expression"),
        ("base: Q4_K_M\ntypes: {}", "types"),
        ("base: Q4_K_M\ntypes: {a: Q4_K}\ntipes: {}", "tipes"),
    ],
)
def test_a_malformed_recipe_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message.replace("(", r"\(")):
        load_recipe(write(tmp_path / "mine.yaml", text))


def test_an_unknown_recipe_is_named_beside_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no recipe 'gema': name one of .*gemma3n-compact"):
        load_recipe("gema")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("blk.*altup_nothing", "'blk.*altup_nothing' matches no tensor"),
        ("output_norm.weight", "keeps at F32"),
        ("per_layer_model_proj.weight", "keeps at F16"),
    ],
)
def test_a_recipe_that_does_not_fit_the_model_is_refused(
    shaped: Path, tmp_path: Path, pattern: str, message: str
) -> None:
    recipe = load_recipe(write(tmp_path / "mine.yaml", f"base: Q4_K_M\ntypes: {{'{pattern}': Q4_K}}"))
    with pytest.raises(UsageError) as caught:
        quantize(shaped, tmp_path / "out", [recipe])
    assert message in str(caught.value)
    assert not list((tmp_path / "out").glob("*"))
