"""Run one fuzzing campaign from a terminal: run.py TARGET [--count N] [--seed S] [--first N]."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import campaign
from targets import TARGETS, new_target


def main() -> int:
    """Run it, print the report, and return 1 when there are findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    warnings.simplefilter("error")
    logging.disable(logging.INFO)
    logging.getLogger().addHandler(logging.NullHandler())
    memory = Path("/dev/shm")
    place = str(memory) if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="edgepose-fuzz-", dir=place) as folder:
        target = new_target(asked.target, Path(folder))
        try:
            report = campaign.run(target, asked.count, asked.seed, asked.first, campaign.told)
        finally:
            target.close()
    print(report)  # noqa: T201
    return int(bool(report.findings))


if __name__ == "__main__":
    sys.exit(main())
