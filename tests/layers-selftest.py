"""The layers checker refuses what it is there to refuse: each case plants one violation."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

import layers

CLEAN = {
    "include/schedctl.h": "#include <stdint.h>\n",
    "core/a.h": "#include <stdint.h>\n",
    "core/a.c": '#include "core/a.h"\n#include <string.h>\n',
    "hw/facts.h": '#include "core/a.h"\n',
    "hw/usable.h": '#include "core/a.h"\n',
    "hw/hwloc.c": '#include <hwloc.h>\n#include "hw/facts.h"\n',
    "lib/wire.h": "#include <stddef.h>\n",
    "lib/wire.c": '#include <jansson.h>\n#include "schedctl.h"\n#include "hw/usable.h"\n',
    "lib/bus/bus.h": "#include <systemd/sd-bus.h>\n#include <uv.h>\n",
    "daemon/main.c": '#include <uv.h>\n#include <systemd/sd-daemon.h>\n#include "lib/wire.h"\n',
    "cli/main.c": '#include <uv.h>\n#include <sqlite3.h>\n#include "hw/facts.h"\n',
    "examples/borrow.c": "#include <schedctl.h>\n#include <stdio.h>\n",
    "python/p/a.py": "import os\nimport pytest\ntry:\n    import xdist\nexcept ImportError: ...\n",
}

# what is planted -> what the checker's line must say
VIOLATIONS = {
    ("core/b.c", "#include <time.h>\n"): "time.h",
    ("core/b.c", "#include <sys/types.h>\n"): "sys/types.h",
    ("core/b.c", '#include "lib/wire.h"\n'): "may not include lib/wire.h",
    ("core/b.c", "  #  include <hwloc.h>\n"): "may not use hwloc",
    ("hw/b.c", '#include "lib/wire.h"\n'): "may not include lib/wire.h",
    ("lib/b.c", '#include "hw/facts.h"\n'): "may not include hw/facts.h",
    ("lib/b.c", "#include <uv.h>\n"): "may not use libuv",
    ("lib/b.c", '#include "lib/bus/bus.h"\n'): "reaches libsystemd through lib/bus/bus.h",
    ("lib/bus/b.c", '#include "lib/wire.h"\n'): "may not include lib/wire.h",
    ("daemon/b.c", '#include "../cli/b.h"\n'): "may not include cli/b.h",
    ("cli/b.c", '#include "daemon/b.h"\n'): "may not include daemon/b.h",
    ("cli/b.c", "#include <hwloc/plugins.h>\n"): "may not use hwloc",
    ("hw/facts.h", "#include <hwloc.h>\n"): "reaches hwloc through hw/facts.h",
    ("cli/b.c", "#include <curl/curl.h>\n"): "neither ours nor an allowed header",
    ("examples/b.c", '#include "lib/wire.h"\n'): "may not include lib/wire.h",
    ("python/p/b.py", "import numpy\n"): "may not import numpy",
    ("python/p/b.py", "from xdist import plugin\n"): "may not import xdist",
    ("python/p/b.py", "match 1:\n    case _:\n        pass\n"): "not Python 3.9",
}


class Source(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name).resolve()
        for name, text in CLEAN.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def found(self) -> list[str]:
        return [*layers.check_includes(self.tree), *layers.check_python(self.tree)]

    def test_a_clean_tree_passes(self) -> None:
        self.assertEqual(self.found(), [])

    def test_each_violation_is_refused(self) -> None:
        for (name, text), message in VIOLATIONS.items():
            with self.subTest(name=name, text=text):
                self.setUp()
                self.write("cli/b.h", "")
                self.write("daemon/b.h", "")
                self.write(name, text)
                self.assertTrue(any(message in line for line in self.found()), self.found())


class Binaries(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)

    def compile(self, text: str, *flags: str) -> Path:
        source, target = self.tree / "a.c", self.tree / "a.out"
        source.write_text(text)
        subprocess.run(["cc", *flags, "-o", target, source], check=True)
        return target

    def test_a_clock_in_core_is_refused(self) -> None:
        text = "#include <stdlib.h>\n#include <time.h>\n"
        text += "void *f(void) { return time(NULL) > 0 ? malloc(1) : NULL; }\n"
        found = list(layers.check_archive(self.compile(text, "-c")))
        self.assertEqual(found, ["a.out: takes time from outside"])

    def test_a_foreign_export_is_refused(self) -> None:
        text = "void schedctl_f(void) {}\nvoid g(void) {}\n"
        library = self.compile(text, "-shared", "-fPIC", "-nostdlib")
        self.assertEqual(list(layers.check_exports(library)), ["a.out: exports g"])

    def test_a_forbidden_library_is_refused(self) -> None:
        program = self.compile("int main(void) { return 0; }\n", "-Wl,--no-as-needed", "-lm")
        self.assertEqual(list(layers.check_needed(program, "libm")), ["a.out: links libm.so.6"])
        self.assertEqual(list(layers.check_needed(program, "libhwloc")), [])

    def test_an_empty_build_is_refused(self) -> None:
        found = list(layers.check_build(self.tree))
        self.assertIn("core/libcore.a: not built", found)


if __name__ == "__main__":
    unittest.main()
