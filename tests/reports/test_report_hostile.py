"""Model text is data: nothing that a model writes acts on the reader's screen."""

import base64
import gzip
import hashlib
import html.parser
import json
import re
from io import StringIO

import pytest
import yaml
from markdown_it import MarkdownIt
from rich.console import Console

from quant_triage.harness import Finding, Flip, ModelResult, Outcome, Result
from quant_triage.reports import render_card, render_html, render_markdown, terminal_report
from quant_triage.reports._text import visible

ATTACKS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "</style><img src=x onerror=alert(3)>",
    "{{ 1234 * 5678 }}{% include 'page.html' %}",
    "[red]bold[/red][link=http://evil.example]x[/link]",
    "\x1b[2J\x1b]0;owned\x07\x1b[31m",
    "safe \u202etxet desrever\u202c \u2066x\u2069",
    "![x](http://evil.example/p.png) [y](javascript:alert(4)) http://evil.example www.evil.example @someone",
    "| a | b |\n| - | - |\n# heading\n```\n<!-- -->\n---\nkey: value",
    "\ue000 private, \x00 nul, 😀 astral",
    "`` `backticks` ``",
    "--> ]]> &lt;b&gt; &amp;",
)
DANGER = "drink the bleach"


def poison(model: ModelResult, donor: ModelResult, attack: str) -> ModelResult:
    """The attack in every field that a model, a file or a judge can fill."""
    text = f"{attack} {DANGER} {attack}"
    start = text.index(DANGER)
    finding = Finding(
        check=attack, severity="critical", kind="dangerous", why=attack, source=attack,
        quote=DANGER, start=start, end=start + len(DANGER),
    )  # fmt: skip
    fields = {
        "reply": text,
        "prompt": attack,
        "prompt_id": attack,
        "grade": "dangerous",
        "findings": (finding,),
    }
    return model.model_copy(
        update={
            "name": attack,
            "level": attack,
            "replies": (donor.replies[0].model_copy(update={**fields, "findings": (finding,)}),),
            "assessment": attack,
            "verdict": "dangerous",
            "verdict_reason": attack,
            "outcome": Outcome(status="crashed", cause=attack),
            "tensor_types": {attack: 1},
        }
    )


@pytest.fixture(scope="module")
def hostile(result: Result) -> Result:
    """Every model poisoned with its own attack, and the decision and provenance with all of them."""
    everything = " ".join(ATTACKS)
    models = [
        poison(model, result.models[0], attack) for model, attack in zip(result.models, ATTACKS, strict=True)
    ]
    decision = result.decision.model_copy(
        update={"level": ATTACKS[0], "model": ATTACKS[0], "reason": everything}
    )
    making = result.provenance.model_copy(
        update={"command": everything, "lineage": dict(zip(ATTACKS, ATTACKS, strict=True))}
    )
    assert result.base
    assert result.fine_tuning
    flips = tuple(
        Flip(prompt_id=attack, scenario="stroke", event="dangerous", worse=True) for attack in ATTACKS
    )
    named = {"flips": flips, "before": everything, "after": everything, "level": everything}
    return result.model_copy(
        update={
            "models": tuple(models),
            "decision": decision,
            "provenance": making,
            "base": poison(result.base, result.models[0], ATTACKS[1]),
            "quantization": tuple(one.model_copy(update=named) for one in result.quantization),
            "fine_tuning": result.fine_tuning.model_copy(update=named),
        }
    )


class Page(html.parser.HTMLParser):
    """What a page would do: its tags, handlers and addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._open: dict[str, str | None] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._open = dict(attrs) if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.scripts.append((self._open, data))
            self._open = None


@pytest.fixture(scope="module")
def page(hostile: Result) -> str:
    return render_html(hostile)


@pytest.fixture(scope="module")
def tame(result: Result) -> Page:
    return Page(render_html(result))


def test_html_runs_only_its_own_script(page: str, tame: Page) -> None:
    read = Page(page)
    assert read.tags.count("script") == 2
    assert set(read.tags) <= set(tame.tags)
    names = {name for name, _ in read.attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}
    addresses = [value or "" for name, value in read.attributes if name in {"href", "src", "action"}]
    assert all(address.startswith("#") for address in addresses)
    own = next(code for attributes, code in read.scripts if not attributes)
    policy = next(value or "" for _, value in read.attributes if value and "default-src" in value)
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy


def test_html_shows_what_it_defuses(page: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    assert "7006652" not in page
    packed = re.search(r'id="packed">([^<]*)<', page)
    assert packed
    data = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    replies = [reply for prompt in data["prompts"] for reply in prompt["replies"]]
    assert len(replies) == len(ATTACKS) + 1
    for reply in replies:
        _, start, end = reply[6][0]
        units = reply[3].encode("utf-16-le")
        assert units[2 * start : 2 * end].decode("utf-16-le") == DANGER, "offsets count as browsers do"
    text = "\n".join(reply[3] for reply in replies)
    for shown in ("␛[2J", "⟨U+202E⟩", "⟨U+E000⟩", "<script>alert(1)</script>", "{{ 1234 * 5678 }}"):
        assert shown in text


def test_half_of_a_surrogate_pair_is_shown() -> None:
    """Our readers refuse it, as no file can hold it; were one to get through, it would still be visible."""
    assert visible("a\ud800b") == "a⟨U+D800⟩b"


def test_markdown_stays_text(hostile: Result) -> None:
    for text in (
        render_markdown(hostile),
        render_card(hostile, hostile.models[0].level).split("---\n", 2)[2],
    ):
        rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable("table").render(text)
        page = Page(rendered)
        assert not {"script", "img", "a", "style"} & set(page.tags), page.tags
        assert page.tags.count("h1") == 1
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
        assert not re.search(
            r"(?<!\\)(?:https?|javascript)://", re.sub(r"(?<![`\\])(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
        )
    tables = MarkdownIt("gfm-like", {"linkify": False}).render(render_markdown(hostile))
    assert tables.count("<table>") == 4
    widths: list[int] = []
    for table in re.findall(r"<table>(.*?)</table>", tables, flags=re.DOTALL):
        cells = {
            len(re.findall(r"<t[dh]", row)) for row in re.findall(r"<tr>(.*?)</tr>", table, flags=re.DOTALL)
        }
        assert len(cells) == 1, cells  # no reply adds a cell to its row
        widths += cells
    assert widths == [6, 13, 6, 8]


def test_card_metadata_stays_data(hostile: Result, result: Result) -> None:
    tame = yaml.safe_load(render_card(result, "Q4_K_M").split("---\n", 2)[1])
    for model in hostile.models:
        metadata = yaml.safe_load(render_card(hostile, model.level).split("---\n", 2)[1])
        assert set(metadata) == set(tame)


def test_terminal_gets_no_control_and_no_markup(hostile: Result) -> None:
    output = StringIO()
    console = Console(file=output, width=120, force_terminal=True, color_system="truecolor")
    console.print(terminal_report(hostile))
    bare = re.sub(r"\x1b\[[0-9;]*m", "", output.getvalue())  # rich's own colours
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", bare)
    assert "owned\x07" not in output.getvalue()
    assert "\x1b]8;" not in output.getvalue(), "no hyperlink"
    assert "[red]bold[/red]" in bare
