"""`python -m tests.bench [NAME …]`: measures, and writes docs/benchmarks.md.

Some of them alone are written with `--page docs/benchmarks.md`; what is not measured stays there as it is.
"""

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


def page(results: Mapping[str, tuple[str, Sequence[Row]]], machine: str, present: str = "") -> str:
    """The page of results.

    Args:
        results: name of the benchmark → its first docstring line and its rows.
        machine: on what, in general words.
        present: the page as it is; sections of other benchmarks are kept.
    """
    sections = sections_of(present) | {name: _section(name, *told) for name, told in results.items()}
    return "\n".join([*_head(machine), *(sections[name] for name in sorted(sections))])


def sections_of(present: str) -> dict[str, str]:
    """Name → section of a page.

    Example:
        >>> sections_of("# Benchmarks\\n\\n## a\\n\\nx\\n\\n## b\\n\\ny\\n")
        {'a': '## a\\n\\nx\\n', 'b': '## b\\n\\ny\\n'}
    """
    _, *parts = f"\n{present}".split("\n## ")
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts}


def _section(name: str, about: str, rows: Sequence[Row]) -> str:
    head = [
        f"## {name}",
        "",
        about,
        "",
        "| figure | ours | peer | ratio | goal | met | |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_line, rows), ""])


def _head(machine: str) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield f"Written by `make bench`, on {machine}. Ours and the peer are measured in turn in one run, and medians are"
    yield "compared: a ratio says more than a time, which belongs to this machine. A goal stands for the ratio, or for"
    yield "the value where there is no peer."
    yield ""


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
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(names())}; all if not given")
    parser.add_argument("--page", type=Path, help="where to write; docs/benchmarks.md if all are run, else nowhere")
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
    target = given.page or (None if given.names else PAGE)
    if target is not None:
        present = target.read_text(encoding="utf-8") if given.names and target.exists() else ""
        target.write_text(page(results, machine(), present), encoding="utf-8")
    return 0 if all(row.ok for _, rows in results.values() for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
