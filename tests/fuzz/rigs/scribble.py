"""Damage texts and bytes, and trees of plain values, as users, editors, disks and strangers do."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from random import Random
from typing import Any, Final

WORDS: Final[tuple[str, ...]] = (
    *("", "~", "null", "on", "yes", "No", "true", "y", "=", "<<", "-", "?", ":", "|", ">-", "---"),
    *(".nan", ".inf", "-.inf", "-0", "0", "-1", "1", "0.0", "1e-3", "1e999", "-1e309", "1_000"),
    *("0x7fffffffffffffff", "0o17", "018", "0b11", "12:30", "190:20:30", "2026-02-30", "1e5000"),
    *("18446744073709551616", "9" * 400, "9" * 5000, "-" + "1" * 310, "0." + "0" * 400 + "1"),
    *("2026-01-01", "2026-13-45 25:61:00", "!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]"),
    *(
        "!!python/object/apply:os.system [id]",
        "!x",
        "!!float x",
        "!!int ''",
        "!!int",
        "!!bool x",
        "!<tag:x> y",
        "%YAML",
    ),
    *(
        "&a [*a]",
        "&a {x: *a}",
        "&a {<<: *a}",
        "*x",
        "&x",
        "*",
        "${HOME}",
        "${NOPE}",
        "$${",
        "${",
        "${}",
        "${a b}",
    ),
    *("\u202e", "\ufeff", "\u2028", "\x85", "é" * 70, "ÿ", "🤸🏽‍♀️", '"\\ud800"', '"\\0"', "\\x00"),
    *('"\\uDEAD"', "a\tb", "%s", "%n%n", "{0.__class__}", "[bold]x[/bold]", "[/]", "{", "[", "]"),
    *(
        "}",
        "'",
        '"',
        "`",
        "@",
        "#",
        " # x",
        "\\",
        "/",
        "+",
        "$SYS",
        "a/b",
        "a#b",
        "+/+",
        "\0",
        "\r",
    ),
    *("/dev/zero", "/dev/stdin", "/proc/self/mem", "~root/x", "~nobody-here", "../" * 40, "/", "."),
    *("x" * 300, "x" * 5000, "A" * 65, "unseen", "kunyankin", "nose", "left_wrist", "pixels"),
    *(
        "http://u:p@h:99999/",
        "rtsp://[::1",
        "tcp://",
        "http://[",
        "file:///etc/passwd",
        "::1",
        ":0",
    ),
)  # as they stand in a file; each has a story: YAML 1.1, paths, topics, markup, numbers, Unicode

VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2, 10**19, -(10**19), 10**400, 2**31, 2**63, 0.5, -0.0, 1e-320),
    *(1e308, float("nan"), float("inf"), float("-inf"), "", " ", "x", [], {}, [[]], {"": ""}),
    *([None], {"a": {"b": {"c": None}}}, ["x"] * 50, {"type": None}, {"type": "video"}, b"\xff\0"),
    *WORDS[:-12],
)

SECRET: Final = "s3cret"  # in every password: it must never be shown


def url(random: Random) -> str:
    """Return the address of a camera with a password of any shape, or a broken one."""
    marks = "".join(random.choices("/?#[]@:%&= .aZ1\u00df\U00010330", k=random.randint(0, 4)))
    at = random.randint(0, len(marks))
    login = random.choice(("", f"me:{marks[:at]}{SECRET}{marks[at:]}@", f"{SECRET}@", "@"))
    host = random.choice(("127.0.0.1", "[::1]", "cam", "", "[::1", "a b", "x" * 300))
    port = random.choice(("", ":9", ":9", ":99999", ":", ":x"))
    tail = ("", "/live", f"/user=me&password={SECRET}", f"/a_password={SECRET}_", f"?pwd={SECRET}")
    scheme = random.choice(("rtsp", "http", "RTSP", "https", "ftp"))
    return f"{scheme}://{login}{host}{port}{random.choice(tail)}"


_SEPARATORS: Final = (b" ", b"\n", b"\n  ", b": ", b", ", b"\t", b"\r\n", b"- ", b"\n---\n")


def scribbled(random: Random, text: bytes, others: Sequence[bytes], most: int = 4) -> bytes:
    """Return a text with up to `most` pieces changed. others: whole texts of the same kind."""
    for _ in range(random.randint(1, most)):
        text = random.choice(_TEXT_DAMAGES)(random, text, others)
    return text[:200_000]


def _spot(random: Random, text: bytes) -> int:
    return random.randint(0, len(text))


def _word(random: Random) -> bytes:
    return random.choice(WORDS).encode("utf-8", "surrogatepass")


def _flip(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    if not text:
        return b"\0"
    at = random.randrange(len(text))
    return text[:at] + bytes([text[at] ^ (1 << random.randrange(8))]) + text[at + 1 :]


def _byte(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    at = _spot(random, text)
    return text[:at] + bytes([random.randrange(256)]) + text[at + random.randint(0, 1) :]


def _cut(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    start = _spot(random, text)
    return text[:start] + text[start + random.randint(1, 40) :]


def _truncate(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    return text[: _spot(random, text)]


def _repeat(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    start = _spot(random, text)
    piece = text[start : start + random.randint(1, 60)]
    return text[:start] + piece * random.choice((2, 2, 2, 3, 40)) + text[start:]


def _insert(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    at = _spot(random, text)
    return text[:at] + random.choice(_SEPARATORS) + _word(random) + text[at:]


def _replace_token(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    """Put another value where a word or a number stands."""
    tokens = text.split(b" ")
    at = random.randrange(len(tokens))
    tail = b"\n" * tokens[at].endswith(b"\n")
    tokens[at] = _word(random) + tail
    return b" ".join(tokens)


def _splice(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others) if others else text
    return text[: _spot(random, text)] + other[_spot(random, other) :][:4000]


def _lines(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    """Drop, double, move, swap or indent a line."""
    lines = text.splitlines(keepends=True) or [b""]
    at, to = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(to, lines[at])
        case 2:
            lines.insert(to, lines.pop(at))
        case 3:
            lines[at], lines[to] = lines[to], lines[at]
        case _:
            lines[at] = random.choice((b" ", b"  ", b"\t", b"      ")) + lines[at]
    return b"".join(lines)


def _deep(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    """Nest brackets, mappings or sequences far too deep."""
    depth = random.choice((5, 23, 24, 25, 30, 200, 3000))
    nest = random.choice(
        (b"[" * depth, b"{a: " * depth, b"- " * depth, b"[" * depth + b"]" * depth)
    )
    at = _spot(random, text)
    return text[:at] + nest + text[at:]


def _laughs(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    """Add aliases of aliases of aliases."""
    width, depth = random.choice(((9, 9), (2, 22), (3, 4), (90, 3)))
    lines = [b"l0: &l0 [x, x]"]
    for i in range(1, depth):
        lines.append(b"l%d: &l%d [%s]" % (i, i, b",".join([b"*l%d" % (i - 1)] * width)))
    return text + b"\n" + b"\n".join(lines) + b"\nwatch: *l%d\n" % (depth - 1)


def _encode(random: Random, text: bytes, others: Sequence[bytes]) -> bytes:
    """Save it as another program would."""
    plain = text.decode("utf-8", "replace")
    code = random.choice(("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-32", "crlf", "cr"))
    if code.startswith("cr"):
        return text.replace(b"\n", b"\r\n" if code == "crlf" else b"\r")
    return plain.encode(code, "replace")


_TEXT_DAMAGES: Final = (
    *(_flip, _byte, _byte, _cut, _cut, _truncate, _repeat, _insert, _insert, _replace_token),
    *(_replace_token, _replace_token, _splice, _lines, _lines, _lines, _deep, _laughs, _encode),
)


def tree_changed(random: Random, tree: Any, others: Sequence[Any], most: int = 3) -> Any:
    """Return a copy of plain values with up to `most` places changed."""
    tree = copy.deepcopy(tree)
    for _ in range(random.randint(1, most)):
        places = list(_places(tree))
        if not places:
            return random.choice(VALUES)
        holder, key = random.choice(places)
        random.choice(_TREE_DAMAGES)(random, holder, key, others)
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every (holder, key) in a tree."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys = (
            node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        )
        for key in keys:
            found.append((node, key))
            waiting.append(node[key])
    return found


def any_value(random: Random) -> Any:
    """Return a hostile plain value, one of its own."""
    return copy.deepcopy(random.choice(VALUES))


def _put_value(random: Random, holder: Any, key: Any, others: Sequence[Any]) -> None:
    holder[key] = any_value(random)


def _nudge(random: Random, holder: Any, key: Any, others: Sequence[Any]) -> None:
    """Change a number a little or a lot, which keeps a file valid more often than not."""
    value = holder[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
        holder[key] = any_value(random)
    else:
        holder[key] = random.choice((value + 1, -value, value * 10, value / 3, value * 1e6, 0.2, 1))


def _drop(random: Random, holder: Any, key: Any, others: Sequence[Any]) -> None:
    del holder[key]


def _wrap(random: Random, holder: Any, key: Any, others: Sequence[Any]) -> None:
    value = holder[key]
    for _ in range(random.choice((1, 1, 1, 2, 23, 40))):
        value = [value] if random.random() < 0.5 else {"a": value}
    holder[key] = value


def _rename(random: Random, holder: Any, key: Any, others: Sequence[Any]) -> None:
    """Misspell a key, or give a value a name that is none."""
    if not isinstance(holder, dict):
        return
    new = random.choice((str(key)[:-1], f"{key}{key}", random.choice(WORDS), str(key).upper()))
    holder[new] = holder.pop(key)


def _extra(random: Random, holder: Any, key: Any, others: Sequence[Any]) -> None:
    new = any_value(random)
    if isinstance(holder, dict):
        holder[random.choice(WORDS)] = new
    else:
        holder.insert(random.randint(0, len(holder)), new)


def _graft(random: Random, holder: Any, key: Any, others: Sequence[Any]) -> None:
    """Put a piece of another tree here."""
    if others:
        holder2, key2 = random.choice(_places(random.choice(others)) or [(holder, key)])
        holder[key] = copy.deepcopy(holder2[key2])


def _share(random: Random, holder: Any, key: Any, others: Sequence[Any]) -> None:
    """Let one value stand twice, which is dumped as an anchor and an alias."""
    if isinstance(holder, dict) and isinstance(holder[key], dict | list):
        holder[f"{key}2"] = holder[key]


_TREE_DAMAGES: Final = (
    *(_put_value, _put_value, _put_value, _nudge, _nudge, _nudge, _drop, _wrap, _rename, _extra),
    *(_graft, _share),
)
