"""JSON as strangers send it: commands with values that make no sense, and texts that are none."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

import scribble

NUMBERS: Final = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1e308",
        "5e-324",
        "-0.0",
        "0",
        "1",
        "0.9",
    ),
    *(
        "0.95",
        "0.2",
        "2",
        "-1",
        "9" * 400,
        "1" + "0" * 310,
        "1E400",
        "0x10",
        "1_0",
        "\u0661",
        "true",
        "null",
    ),
)
KEYS: Final = ("enter", "exit", "hold", "release", "cooldown", "angle_deviation")
WATCHES: Final = ("hands", "squat", "hand", "", "on", "\ud800", "HANDS", "x" * 500, "../x", "[/]")
TEMPLATES: Final = (
    *(
        "hands",
        "squat",
        "other",
        "none",
        "",
        "../lobby",
        "a/b",
        "\0",
        "x" * 64,
        "x" * 65,
        "\U00010330" * 64,
        "\u00e9" * 64,
        "é",
        "on",
    ),
    *(".", "-", "_", "CON", "a b", "\ud800", "other.yaml", "٣", "ﬁ", "e\u0301", "🤸"),
)


def number(random: Random) -> str:
    """Return how a number stands in JSON, or what is none."""
    plain = f"{random.uniform(0, 1):.3f}"
    return random.choice(NUMBERS) if random.random() < 0.4 else plain


def thresholds(random: Random) -> str:
    """Return the value of a "thresholds" command, most often nearly right."""
    keys = random.sample(KEYS, random.randint(0, 3))
    pairs = [f'"watch": {word(random, WATCHES, 0.85)}'] * (random.random() < 0.95)
    pairs += [
        f'"{key}": {number(random) if random.random() < 0.9 else anything(random)}' for key in keys
    ]
    if random.random() < 0.05:
        pairs.append(f"{word(random, (*KEYS, *WATCHES), 0.5)}: {anything(random)}")
    random.shuffle(pairs)
    return "{" + ", ".join(pairs) + "}"


def template(random: Random) -> str:
    """Return the value of a "template" command."""
    pairs = [
        f'"watch": {word(random, WATCHES, 0.85)}',
        f'"template": {word(random, TEMPLATES, 0.4)}',
    ]
    return "{" + ", ".join(random.sample(pairs, random.choice((2, 2, 2, 2, 1)))) + "}"


def capture(random: Random) -> str:
    """Return the value of a "capture" command."""
    name = word(random, TEMPLATES, 0.0)
    return random.choice((name, "{" + f'"name": {name}' + "}", anything(random)))


def push(random: Random, text: str) -> str:
    """Return what `edgepose fleet` sends, or nearly: an id and the text of a file."""
    if random.random() < 0.6:
        data = scribble.scribbled(random, text.encode(), [text.encode()], 3)
        text = data.decode("utf-8", random.choice(("replace", "surrogateescape")))
    number = json.dumps(str(random.randrange(50)))
    pairs = [f'"id": {number if random.random() < 0.95 else anything(random)}']
    pairs += [f'"text": {json.dumps(text) if random.random() < 0.95 else anything(random)}']
    pairs += [f'"name": {word(random, TEMPLATES, 0.6)}'] * (random.random() < 0.5)
    return "{" + ", ".join(pairs) + "}"


def word(random: Random, words: tuple[str, ...], first: float) -> str:
    """Return a text in quotes, the first of `words` with that chance, or anything."""
    if random.random() < first:
        return json.dumps(words[random.randrange(2)])
    return json.dumps(random.choice(words)) if random.random() < 0.9 else anything(random)


def anything(random: Random) -> str:
    """Return any JSON value, or nearly."""
    value: Any = random.choice((*scribble.VALUES[:-30], *TEMPLATES, *NUMBERS))
    nest = random.choice((0,) * 20 + (1, 2, 50, 900, 2000))
    plain = json.dumps(value, default=str)
    return "[" * nest + plain + "]" * nest if random.random() < 0.95 else plain[:-1]


def spoilt(random: Random, text: str) -> bytes:
    """Return a text as bytes, sometimes damaged or in another encoding."""
    data = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.1:
        return scribble.scribbled(random, data, [data], 2)[:6000]
    if random.random() < 0.02:
        return text.encode(random.choice(("utf-16", "utf-8-sig", "utf-32")), "replace")
    return data
