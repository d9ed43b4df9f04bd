#!/usr/bin/env python3
"""Runs tests of the installed schedctl in virtual machines that systemd has booted: docs/vm.md.

Each file in tests/vm/guest with a line `# vm: shapes=N,… seconds=N` is a theme: it runs in a guest
of each of these shapes (8 CPUs: 4 cores of two; 16: two packages of that), all themes of a shape in
one guest, both guests at the same time. What is made for that (image, kernel) is kept in DIR/vm.
Exits with 0 if all went well, 1 if anything failed, 77 where no guest can be had here.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from vm import boot  # noqa: E402
from vm.boot import Parts, SHAPES  # noqa: E402
from vm.image import root_image  # noqa: E402
from vm.kernel import kernel  # noqa: E402
from vm.places import Missing  # noqa: E402
from vm.product import GUEST, pack  # noqa: E402
from vm.results import Case, Theme, write_junit  # noqa: E402
from vm.session import Session  # noqa: E402
from vm.tables import tables  # noqa: E402

SKIPPED = 77
HEADER = re.compile(r"^# vm: shapes=([\d,]+) seconds=(\d+)$", re.MULTILINE)
MEMORY = 1536  # MiB
# An emulated guest takes what it takes, on a busy machine even more: these are for one that hangs.
BOOT_SECONDS = 400
ALL_SECONDS = 900
TESTS, SHELL = "systemd.wants=vm-tests.service", "systemd.wants=vm-shell.service"


@dataclass(frozen=True)
class Test:
    file: Path
    shapes: Tuple[int, ...]
    seconds: int

    @property
    def name(self) -> str:
        return self.file.stem


def find_tests(extra: List[Path]) -> List[Test]:
    found = []
    for file in [*sorted(GUEST.iterdir()), *extra]:
        header = HEADER.search(file.read_text()) if file.suffix in (".py", ".sh") else None
        if header:
            shapes = tuple(int(shape) for shape in header[1].split(","))
            found.append(Test(file, shapes, int(header[2])))
        elif file in extra:
            sys.exit(f"{file}: no line of the form '# vm: shapes=8 seconds=60'")
    return found


class Bench:
    """What all guests have in common, made where it is not there yet."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.cache: Path = options.build / "vm"
        started = time.monotonic()
        self.kernel = kernel(self.cache)  # first: soon tells whether the mirror can be reached
        self.root = root_image(self.cache)
        self.tables = tables(self.cache)
        print(f"image and kernel: {time.monotonic() - started:.1f} s", flush=True)

    def command(self, shape: int, tests: List[Test], line: str) -> List[str]:
        """QEMU's, for a guest of that shape that has these tests in it."""
        product = self.logs(shape) / "product.tar"
        plan = "".join(f"{test.file.name} {test.seconds}\n" for test in tests)
        pack(self.options.build, product, plan, self.options.file)
        vmlinux, initrd = self.kernel / "vmlinux", self.kernel / "initrd"
        parts = Parts(vmlinux, initrd, self.root, product, self.tables)
        return boot.command(parts, SHAPES[shape], self.options.accelerator, MEMORY, line)

    def logs(self, shape: int) -> Path:
        folder = self.cache / f"log-{shape}"
        folder.mkdir(exist_ok=True)
        return folder

    def run(self, shape: int, tests: List[Test]) -> List[Theme]:
        if not tests:
            return []
        command = self.command(shape, tests, TESTS)
        seconds = min(ALL_SECONDS, BOOT_SECONDS + sum(test.seconds for test in tests))
        session = Session(command, SHAPES[shape], self.logs(shape), seconds)
        themes = session.run(self.options.verbose)
        print(f"logs (tests, journal, console): {self.logs(shape)}", flush=True)
        return themes


def run_all(tests: List[Test], options: argparse.Namespace) -> List[Theme]:
    bench = Bench(options)
    shapes = options.shape or list(SHAPES)
    with ThreadPoolExecutor(len(shapes)) as pool:
        chosen = [[test for test in tests if shape in test.shapes] for shape in shapes]
        return [theme for themes in pool.map(bench.run, shapes, chosen) for theme in themes]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/vm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--build", type=Path, metavar="DIR", help="a build folder that ninja has built")
    add("--only", action="append", default=[], metavar="NAME", help="only this theme; or more")
    add("--file", action="append", type=Path, default=[], help="a file of tests from elsewhere")
    add("--shape", action="append", type=int, choices=list(SHAPES), help="only guests of N CPUs")
    add("--accelerator", default="tcg,thread=multi", help="QEMU's -accel (%(default)s)")
    add("--junit", type=Path, metavar="FILE", help="where to write the results as JUnit XML")
    add("--list", action="store_true", help="print the themes, and leave")
    add("--shell", action="store_true", help="a shell in a guest on this terminal, and no tests")
    add("-v", "--verbose", action="store_true", help="print what the tests print, as it comes")
    options = parser.parse_args()
    if not options.build and not options.list:
        parser.error("--build is needed")
    options.build = options.build and options.build.resolve()
    options.file = [file.resolve() for file in options.file]
    return options


def choose(options: argparse.Namespace) -> List[Test]:
    tests = find_tests(options.file)
    names = {test.name for test in tests}
    if not names.issuperset(options.only):
        unknown = ", ".join(sorted(set(options.only) - names))
        sys.exit(f"no theme {unknown}; there are {', '.join(sorted(names))}")
    if options.only:
        return [test for test in tests if test.name in options.only]
    return [test for test in tests if test.file in options.file or not options.file]


def judge(themes: List[Theme], seconds: float) -> int:
    cases = [case for theme in themes for case in theme.cases]
    failed = sum(case.failed for case in cases)
    skipped = sum(bool(case.skipped) for case in cases)
    passed = len(cases) - failed - skipped
    print(f"vm: {passed} ok, {failed} failed, {skipped} skipped in {seconds:.0f} s")
    return 1 if failed else 0 if passed else SKIPPED


def main() -> int:
    options = parse()
    tests = choose(options)
    if options.list:
        for test in tests:
            shapes = ", ".join(map(str, test.shapes))
            print(f"{test.name:14} shapes {shapes}; at most {test.seconds} s")
        return 0
    started = time.monotonic()
    try:
        if options.shell:
            shape = (options.shape or list(SHAPES))[0]
            return boot.shell(Bench(options).command(shape, tests, SHELL))
        themes = run_all(tests, options)
    except Missing as reason:
        print(f"skipped: {reason}")
        themes = [Theme("guest", 0, [Case("a guest can be had here", False, str(reason))])]
    if options.junit:
        write_junit(themes, options.junit)
    return judge(themes, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
