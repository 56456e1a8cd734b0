"""`python -m tests.bench [NAME …]`: measures, and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import pkgutil
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import tests.bench
from tests.bench.rows import Row

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_PREFIX = "bench_"

log = logging.getLogger("tests.bench")


def names() -> list[str]:
    """Every benchmark there is: modules `bench_<name>` with a function `run`."""
    found = [module.name for module in pkgutil.iter_modules(tests.bench.__path__)]
    return sorted(name.removeprefix(_PREFIX) for name in found if name.startswith(_PREFIX))


def page(results: Mapping[str, tuple[str, Sequence[Row]]], machine: str) -> str:
    """The page of results.

    Args:
        results: name of the benchmark → its first docstring line and its rows.
        machine: on what, in general words.
    """
    return "\n".join(_lines(results, machine)) + "\n"


def _lines(results: Mapping[str, tuple[str, Sequence[Row]]], machine: str) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield f"Written by `make bench`, on {machine}. Ours and the peer are measured in turn in one run, and medians are"
    yield "compared: a ratio says more than a time, which belongs to this machine. A goal stands for the ratio, or for"
    yield "the value where there is no peer."
    for name, (about, rows) in results.items():
        yield ""
        yield f"## {name}"
        yield ""
        yield about
        yield ""
        yield "| figure | ours | peer | ratio | goal | met | |"
        yield "|---|---|---|---|---|---|---|"
        for row in rows:
            yield _line(row)


def _line(row: Row) -> str:
    peer = "" if row.peer is None else f"{_number(row.peer)} {row.unit}"
    ratio = "" if row.ratio is None else _number(row.ratio)
    goal = "" if row.goal is None else f"≤ {_number(row.goal)}"
    if goal and row.ratio is None:
        goal += f" {row.unit}"
    met = "" if row.goal is None else "yes" if row.ok else "**no**"
    cells = (row.figure, f"{_number(row.ours)} {row.unit}", peer, ratio, goal, met, row.note)
    return f"| {' | '.join(cell.strip().replace('|', '/') for cell in cells)} |"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def machine() -> str:
    """The class of this machine, in general words."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.machine()} with {cores} cores and {memory:.0f} GiB, {platform.system()}, {python}"


def main(argv: list[str] | None = None) -> int:
    """Run benchmarks; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(names())}; all if not given")
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write; only when all are run")
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    logging.getLogger("i4q_ai").setLevel(logging.WARNING)
    unknown = set(given.names) - set(names())
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    results: dict[str, tuple[str, Sequence[Row]]] = {}
    for name in given.names or names():
        log.info("measuring %s …", name)
        module = importlib.import_module(f"tests.bench.{_PREFIX}{name}")
        results[name] = ((module.__doc__ or "").strip().partition("\n")[0], module.run())
        for row in results[name][1]:
            log.info("  %s", _line(row))
    if not given.names:
        given.page.write_text(page(results, machine()), encoding="utf-8")
    return 0 if all(row.ok for _, rows in results.values() for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
