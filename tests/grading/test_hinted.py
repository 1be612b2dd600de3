"""A hint that some match lacks would silence part of a regular expression: none does."""

import importlib
from collections.abc import Iterable
from typing import Any

import pytest

from quant_triage.harness.grading import _announce, _mode
from quant_triage.harness.grading._hinted import Hinted

_parser = importlib.import_module("re._parser")
_PASSED_OVER = {"AT", "ASSERT", "ASSERT_NOT"}
_ANY_LETTER = {"IN", "ANY", "NOT_LITERAL"}
_MOST_REPEATS = 4


def _tails(parsed: Iterable[tuple[Any, Any]], tails: set[str], hints: tuple[str, ...]) -> set[str]:
    """How what a part of an expression matched may end, with no hint in it, after what ended in ``tails``."""
    longest = max(map(len, hints))
    for operation, argument in parsed:
        name = str(operation)
        if name == "LITERAL":
            tails = {(tail + chr(argument))[-longest:] for tail in tails}
            tails = {tail for tail in tails if not any(hint in tail for hint in hints)}
        elif name in _ANY_LETTER:
            tails = {"" for _ in tails}
        elif name == "BRANCH":
            tails = {tail for branch in argument[1] for tail in _tails(branch, tails, hints)}
        elif name == "SUBPATTERN":
            tails = _tails(argument[3], tails, hints)
        elif name in {"MAX_REPEAT", "MIN_REPEAT"}:
            least, most, part = argument
            repeated = [tails]
            for _ in range(min(int(most), int(least) + _MOST_REPEATS)):
                repeated.append(_tails(part, repeated[-1], hints))
            tails = set().union(*repeated[least:])
        else:
            assert name in _PASSED_OVER, name
    return tails


@pytest.mark.parametrize(
    ("expressions", "hinted"),
    [
        (_announce._LEADS, _announce._LEAD),
        ([_mode._MYTH.expression.pattern], _mode._MYTH),
        ([_mode._BAN_DENIED.expression.pattern], _mode._BAN_DENIED),
    ],
)
def test_every_match_holds_a_hint(expressions: Iterable[str], hinted: Hinted) -> None:
    for expression in expressions:
        assert not _tails(_parser.parse(expression), {""}, hinted.hints), expression
