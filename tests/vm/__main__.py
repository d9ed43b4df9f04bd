#!/usr/bin/env python3
"""Runs tests of the installed schedctl in virtual machines that systemd has booted.

    python3 tests/vm --build DIR [--only NAME]… [--shape N]… [options]

Each file in tests/vm/guest with a line `# vm: shapes=N,… seconds=N` is a theme: it runs in a guest
of each of these shapes (8 CPUs: 4 cores of two; 16: two packages of that), all themes of a shape in
one guest. What is made for that (the image, the kernel) is kept in DIR/vm and used again. Exits
with 0 if all went well, 1 if anything failed, 77 where no guest can be had here.
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
from vm.boot import Guest, Parts, SHAPES  # noqa: E402
from vm.image import root_image  # noqa: E402
from vm.kernel import kernel  # noqa: E402
from vm.places import Missing  # noqa: E402
from vm.product import GUEST, pack  # noqa: E402
from vm.results import Case, Theme, tell, write_junit  # noqa: E402
from vm.tables import tables  # noqa: E402

SKIPPED = 77
HEADER = re.compile(r"^# vm: shapes=([\d,]+) seconds=(\d+)$", re.MULTILINE)
MEMORY = 1536  # MiB
# An emulated guest takes what it takes; this is for one that hangs.
BOOT_SECONDS = 180


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


def prepare(cache: Path) -> Tuple[Path, Path, List[Path]]:
    """The kernel's folder, the root image and ACPI's tables."""
    with ThreadPoolExecutor() as pool:
        kernel_there = pool.submit(kernel, cache)
        root_there = pool.submit(root_image, cache)
        return kernel_there.result(), root_there.result(), tables(cache)


def run_guest(
    parts: Parts, shape: int, tests: List[Test], folder: Path, options: argparse.Namespace
) -> List[Theme]:
    """Boots one guest; the themes as they went."""
    started = time.monotonic()
    seconds = BOOT_SECONDS + sum(test.seconds for test in tests)
    command = boot.command(parts, SHAPES[shape], options.accelerator, MEMORY, "console=ttyS0")
    guest = Guest(command, folder, seconds)
    themes: List[Theme] = []
    done = False
    try:
        with (folder / "tests").open("w") as log:
            for line in guest.lines():
                log.write(line + "\n")
                log.flush()
                words = line.split()
                if words[:2] == ["vm", "boot"]:
                    took = time.monotonic() - started
                    print(f"{SHAPES[shape]} booted in {took:.1f} s", flush=True)
                elif words[:2] == ["vm", "begin"]:
                    themes.append(Theme(Path(words[2]).stem, str(shape)))
                elif words[:2] == ["vm", "end"]:
                    themes[-1].end(int(words[3]), float(words[4]))
                    tell(themes[-1])
                elif words[:2] == ["vm", "done"]:
                    done = True
                elif themes:
                    themes[-1].hear(line)
                    if options.verbose:
                        print(f"        {line}", flush=True)
    finally:
        guest.close()
    if not done:
        themes.append(broken(guest, shape, folder, themes))
    return themes


def broken(guest: Guest, shape: int, folder: Path, themes: List[Theme]) -> Theme:
    """What to say of a guest that ended before its tests."""
    how = "was stopped" if guest.timed_out else "ended"
    where = f"in {themes[-1].name}" if themes and not themes[-1].ended else "between tests"
    said = [
        (folder / name).read_text(errors="replace").splitlines() for name in ("qemu", "console")
    ]
    case = Case("goes on to the end", True, said=[*said[0][-10:], *said[1][-20:]])
    theme = Theme(
        "guest",
        str(shape),
        [Case(f"the guest {how} {where if themes else 'before it was up'}", True)],
    )
    theme.cases[0].said = case.said
    tell(theme)
    return theme


def run_all(tests: List[Test], options: argparse.Namespace) -> List[Theme]:
    cache = options.build / "vm"
    started = time.monotonic()
    kernel_folder, root, acpi = prepare(cache)
    print(f"prepared in {time.monotonic() - started:.1f} s", flush=True)
    themes: List[Theme] = []
    for shape in options.shape or SHAPES:
        chosen = [test for test in tests if shape in test.shapes]
        if not chosen:
            continue
        folder = cache / f"log-{shape}"
        folder.mkdir(exist_ok=True)
        product = folder / "product.tar"
        plan = "".join(f"{test.file.name} {test.seconds}\n" for test in chosen)
        pack(options.build, product, plan, options.file)
        parts = Parts(kernel_folder / "vmlinux", kernel_folder / "initrd", root, product, acpi)
        themes += run_guest(parts, shape, chosen, folder, options)
        print(f"logs (console, journal, tests) in {folder}", flush=True)
    return themes


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/vm", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--build", type=Path, required=True, help="a build folder that ninja has built"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only this theme (again for more)",
    )
    parser.add_argument(
        "--shape",
        action="append",
        type=int,
        choices=list(SHAPES),
        default=[],
        help="only guests of so many CPUs",
    )
    parser.add_argument(
        "--file",
        action="append",
        type=Path,
        default=[],
        help="a further file of tests, from anywhere",
    )
    parser.add_argument(
        "--accelerator", default="tcg,thread=multi", help="QEMU's -accel (default: %(default)s)"
    )
    parser.add_argument("--junit", type=Path, help="where to write the results as JUnit XML")
    parser.add_argument("--list", action="store_true", help="print the themes and leave")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print the tests' output as it comes"
    )
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.file = [file.resolve() for file in options.file]
    return options


def main() -> int:
    options = parse()
    tests = find_tests(options.file)
    if options.list:
        for test in tests:
            shapes = ", ".join(map(str, test.shapes))
            print(f"{test.name:14} shapes {shapes}; at most {test.seconds} s")
        return 0
    names = {test.name for test in tests}
    if not names.issuperset(options.only):
        unknown = ", ".join(sorted(set(options.only) - names))
        sys.exit(f"no theme {unknown}; there are {', '.join(sorted(names))}")
    if options.only:
        tests = [test for test in tests if test.name in options.only]
    elif options.file:
        tests = [test for test in tests if test.file in options.file]
    started = time.monotonic()
    try:
        themes = run_all(tests, options)
    except Missing as reason:
        print(f"skipped: {reason}")
        themes = [Theme("guest", "", [Case("a guest can be had here", False, str(reason))])]
    if options.junit:
        write_junit(themes, options.junit)
    cases = [case for theme in themes for case in theme.cases]
    failed, skipped = sum(case.failed for case in cases), sum(bool(case.skipped) for case in cases)
    took = time.monotonic() - started
    passed = len(cases) - failed - skipped
    print(f"vm: {passed} ok, {failed} failed, {skipped} skipped in {took:.0f} s")
    return 1 if failed else 0 if len(cases) > skipped else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
