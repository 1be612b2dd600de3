import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quant_triage.data import UsageError
from quant_triage.harness.cli._templating import Exchange, templated
from quant_triage.quantize import diverge, parse_levels, quantize
from quant_triage.quantize._kinds import token_kinds

TEXT = (
    "Press firmly on the wound with a clean cloth. Call an ambulance at once if the bleeding does not stop. "
    "Cool the burn under cool running water for 20 minutes. Do not put butter on the burn. "
) * 20


@pytest.fixture(scope="module")
def level(f16: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("levels")
    return folder / quantize(f16, folder, parse_levels("Q2_K"))[0].file


@pytest.mark.slow
def test_a_model_does_not_differ_from_itself(f16: Path) -> None:
    (found,) = diverge(f16, [f16], TEXT, context=128)
    assert (found.kl_mean, found.kl_p99, found.top1) == (0.0, 0.0, 1.0)
    assert found.ppl == found.ppl_ref
    assert found.tokens == found.documents * 63


@pytest.mark.slow
def test_models_side_by_side_are_measured_as_each_alone(f16: Path, level: Path) -> None:
    together = diverge(f16, [level, f16], TEXT, context=128)
    alone = [diverge(f16, [model], TEXT, context=128)[0] for model in (level, f16)]
    assert together == alone
    assert together[0].kl_mean > together[1].kl_mean == 0.0


@pytest.mark.slow
def test_it_is_llama_perplexity_s(f16: Path, level: Path, tools: Path, tmp_path: Path) -> None:
    """Without repacked weights and in batches of one chunk, as ours: both change logits a little."""
    (found,) = diverge(f16, [level], TEXT, context=128)
    (tmp_path / "text.txt").write_text(TEXT)
    shared = ["-f", str(tmp_path / "text.txt"), "-c", "128", "-b", "128", "-nr", "-t", "1"]
    base = ["--kl-divergence-base", str(tmp_path / "base.dat")]
    program = str(tools / "llama-perplexity")

    def run(last: str, model: Path, *more: str) -> str:
        """What it prints, up to the line named: its logging thread may lose the end (36 of 300 runs seen)."""
        command = [program, "-m", str(model), *shared, *base, *more]
        for _ in range(20):
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            printed = done.stdout + done.stderr
            if last in printed:
                return printed
        raise AssertionError(printed)

    def number(name: str, text: str) -> float:
        line = re.search(rf"{name} *[:=] *([\d.]+)", text)
        assert line, text
        return float(line[1])

    first = run("Final estimate: PPL", f16)
    theirs = run("Same top p:", level, "--kl-divergence")
    assert found.ppl_ref == pytest.approx(number("Final estimate: PPL", first), rel=0.01)
    assert found.kl_mean == pytest.approx(number("Mean    KLD", theirs), rel=0.01)
    assert found.kl_p99 == pytest.approx(number(r"99\.0%   KLD", theirs), rel=0.01)
    assert found.ppl == pytest.approx(number(r"Mean PPL\(Q\)", theirs), rel=0.01)
    assert 100 * found.top1 == pytest.approx(number("Same top p", theirs), rel=0.01)


@pytest.mark.slow
def test_on_exchanges_every_token_of_a_reply_counts_and_no_other(
    f16: Path, level: Path, replies: dict[str, str]
) -> None:
    exchanges = [Exchange(prompt=ask, reply=reply) for ask, reply in replies.items()]
    (found,) = diverge(f16, [level], templated(f16, exchanges))
    assert (found.documents, found.raw) == (3, False)
    assert found.kinds["number"].tokens >= 2
    assert found.tokens == sum(part.tokens for part in found.kinds.values())
    assert found.first
    assert found.first.documents == 3
    assert found.kl_interval[0] <= found.kl_mean <= found.kl_interval[1]
    assert found.ppl_ref < 20  # it has learned these replies; chance would be 400


@pytest.mark.slow
def test_other_vocabularies_and_short_texts_are_refused(f16: Path) -> None:
    with pytest.raises(UsageError, match="one chunk takes 512: give a longer text"):
        diverge(f16, [f16], "Press firmly.")
    with pytest.raises(UsageError, match="cannot read"):
        diverge(f16, [Path("none.gguf")], TEXT)


def test_numbers_and_negations_are_found_across_pieces() -> None:
    pieces = [b"Do", b" n", b"ot", b" wait ", b"2", b"0", b" minutes", b", tw", b"ice", b". Nothing", b"."]
    kinds = dict(zip(pieces, token_kinds(pieces), strict=True))
    assert {piece for piece, kind in kinds.items() if kind == "negation"} == {b" n", b"ot", b". Nothing"}
    assert {piece for piece, kind in kinds.items() if kind == "number"} == {b"2", b"0", b", tw", b"ice"}
    assert token_kinds(["Don\N{RIGHT SINGLE QUOTATION MARK}t".encode()]) == ["negation"]


@pytest.mark.slow
def test_the_contract_s_keys(f16: Path, level: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    command = [
        sys.executable,
        "-m",
        "quant_triage.harness.cli",
        "diverge",
        str(f16),
        str(level),
        "--data",
        str(tmp_path / "text.txt"),
    ]
    done = subprocess.run(
        [*command, "--context", "128", "--json"], check=True, capture_output=True, text=True
    )
    facts = json.loads(done.stdout)
    assert {"kl_mean", "kl_p99", "top1", "ppl_ref", "ppl", "tokens"} <= set(facts)
    assert all(np.isfinite(facts[name]) for name in ("kl_mean", "kl_p99", "top1", "ppl_ref", "ppl"))
