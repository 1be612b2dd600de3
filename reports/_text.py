"""Model text is data: what would act on a reader's screen is made visible instead."""

import re
import unicodedata

_KEPT = {"\n", "\t", "\u200c", "\u200d"}  # joiners belong to Persian, Indic scripts and emoji
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # control, format (bidi), surrogate, private, separators


def _symbol(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the control's own picture: ␛ for escape
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def visible(text: str) -> str:
    """Show control characters, ANSI escapes, bidirectional overrides and lone surrogates as symbols.

    Newlines, tabs and the zero-width joiners stay. Works character by character, so
    ``visible(a + b) == visible(a) + visible(b)``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _symbol(c) if c not in _KEPT and unicodedata.category(c) in _INVISIBLE else c for c in text
    )


def one_line(text: str, most: int | None = None) -> str:
    """Make a text visible on one line, cut to ``most`` characters with an ellipsis."""
    line = re.sub(r"\s+", " ", visible(text)).strip()
    return line if most is None or len(line) <= most else line[: most - 1].rstrip() + "…"


def utf16_length(text: str) -> int:
    """Count as browsers do: characters beyond the basic plane are two."""
    return len(text) + sum(ord(c) > 0xFFFF for c in text)


_LONGEST_QUOTE = 160


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", visible(text))


def excerpt(text: str, start: int, end: int, around: int = 60) -> tuple[str, str, str]:
    """Return what stands before, at and after ``text[start:end]``, each visible and on one line.

    The sides are cut at words, with an ellipsis where something was left out; so is a very long middle.
    """
    before, quote, after = text[max(0, start - around) : start], text[start:end], text[end : end + around]
    if start > around:
        before = "… " + before.partition(" ")[2]
    if end + around < len(text):
        after = after.rpartition(" ")[0] + " …"
    if len(quote) > _LONGEST_QUOTE:
        quote, after = quote[:_LONGEST_QUOTE].rpartition(" ")[0] + " …", ""
    return _squeeze(before), _squeeze(quote), _squeeze(after)


def markdown(text: str) -> str:
    """Escape a text for one line of GitHub-flavoured Markdown: no markup, link, mention or HTML survives."""
    line = re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", one_line(text))
    line = re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", line)  # a list, or the underline of a heading
    line = re.sub(
        r"(?i)(:)(?=//)|(?<=\bmailto)(:)|(?<=\bxmpp)(:)|(?<=\bwww)(\.)", lambda found: "\\" + found[0], line
    )
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return line.replace("@", "@<!-- -->")


def markdown_code(text: str) -> str:
    """Quote a text as a Markdown code span, whatever backticks it has. Not for tables: pipes split cells."""
    line = one_line(text)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"
