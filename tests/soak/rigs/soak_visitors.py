"""Visitors of a device: pages opened, watched for a moment and left, metrics asked for."""

from __future__ import annotations

import contextlib
import http.client
import sys
import time
from random import Random

TOKEN = "a-token-for-the-soak"


def main() -> None:
    """Visit the page and the metrics on two ports until killed."""
    page, metrics = int(sys.argv[1]), int(sys.argv[2])
    random = Random(1)
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            _visit(random, page, metrics)
        time.sleep(random.uniform(0.05, 0.5))


def _visit(random: Random, page: int, metrics: int) -> None:
    """Ask for one thing; endless answers are left in the middle."""
    path = random.choice(("/", "/api/state", "/api/state", "/stream", "/api/events", "/metrics"))
    port = metrics if path == "/metrics" else page
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as line:
        line.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = line.getresponse()
        if path in ("/stream", "/api/events"):
            answer.read(random.randint(1, 20_000))
        else:
            answer.read()


if __name__ == "__main__":
    main()
