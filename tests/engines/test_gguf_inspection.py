import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_triage.data import FileFormatError, UsageError, sha256_file
from quant_triage.harness.engines import inspect_gguf, read_header


def test_describes_every_level_without_loading(models: Path) -> None:
    cards = {card.level: card for card in map(inspect_gguf, sorted(models.glob("*.gguf")))}
    assert set(cards) == {"F16", "Q4_K_M", "Q2_K"}
    assert [cards[level].reference for level in ("F16", "Q4_K_M", "Q2_K")] == [True, False, False]
    bits = [cards[level].bits_per_weight or 0 for level in ("F16", "Q4_K_M", "Q2_K")]
    assert bits == sorted(bits, reverse=True)
    assert 16 < bits[0] < 16.2
    assert bits[2] < 6
    assert cards["Q4_K_M"].tensor_types["Q4_K"] > 0
    assert cards["F16"].sha256 == sha256_file(models / "tiny-F16.gguf")
    assert cards["F16"].name == "tiny-F16"
    assert len({card.template_sha256 for card in cards.values()}) == 1


def test_a_renamed_file_is_the_same_model_and_a_changed_one_is_not(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(tiny, tmp_path / "other-name.gguf"))
    first = inspect_gguf(copy)
    assert first.sha256 == inspect_gguf(tiny).sha256
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    assert inspect_gguf(copy).sha256 != first.sha256


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "only 0 bytes"),
        (b"PK\x03\x04" + bytes(40), "begins with b'PK"),
        (struct.pack("<4sIQQ", b"GGUF", 9, 0, 0), "version 9"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1 << 60, 0), "claims"),
        (struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 1 << 62), "string claims"),
        (struct.pack("<4sIQQQ4sI", b"GGUF", 3, 0, 1, 4, b"keys", 77), "unknown type 77"),
        (struct.pack("<4sIQQQ4sIIQ", b"GGUF", 3, 0, 1, 4, b"keys", 9, 8, 1 << 61), "truncated|claims"),
        (struct.pack("<4sIQQQ4sII", b"GGUF", 3, 1, 0, 4, b"name", 900, 0), "900 dimensions"),
        (struct.pack("<4sIQQQ4sIQIQ", b"GGUF", 3, 1, 0, 4, b"name", 1, 7, 12, 0), "rows of 7"),
    ],
)
def test_hostile_headers_give_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=says) as caught:
        inspect_gguf(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.gguf"):
        inspect_gguf(tmp_path / "absent.gguf")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused(tiny: Path, tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.gguf"
    content = tiny.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FileFormatError, match="truncated"):
        inspect_gguf(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_never_raise_anything_but_our_own_error(
    tiny: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = np.frombuffer(tiny.read_bytes(), dtype=np.uint8).copy()
    places = data.draw(st.lists(st.integers(0, 20_000), min_size=1, max_size=8))
    content[places] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content.tobytes())
    try:
        read_header(path)
    except UsageError as error:
        assert str(path) in str(error)  # noqa: PT017 - most damage is harmless, some must be refused
