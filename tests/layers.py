"""What may include what, what may link what: the rooms' contract, checked on source and binaries.

Usage: layers.py SOURCE [BUILD]. Prints one line a violation and exits 1 if there are any. The
rules are the tables below; a file's own includes must be in its room's row, and what those headers
include in turn must not smuggle in a library that the room may not use.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Headers of the C library and the kernel, beside those in LIBC_FOLDERS.
LIBC = frozenset(
    """alloca assert byteswap ctype dirent endian err errno execinfo fcntl features fenv float
    fnmatch fts ftw getopt glob grp iconv inttypes langinfo libgen limits link locale malloc math
    netdb paths poll pthread pwd sched search semaphore setjmp signal spawn stdalign stdarg
    stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings syscall syslog termios
    threads time ucontext unistd utime wchar wctype wordexp""".split()
)
LIBC_FOLDERS = ("sys/", "linux/", "netinet/", "arpa/", "net/", "asm/", "bits/")

# core/ computes: of libc only what needs no kernel. <stdio.h> is there for snprintf; the symbols
# are checked below.
LIBC_CORE = frozenset(
    """assert ctype errno float inttypes limits math stdalign stdarg stdbool stddef stdint stdio
    stdlib string strings""".split()
)

LIBRARIES = {
    "expat": re.compile(r"expat"),
    "hwloc": re.compile(r"hwloc(\.h|/)"),
    "jansson": re.compile(r"jansson"),
    "libuv": re.compile(r"uv(\.h|/)"),
    "inih": re.compile(r"ini\.h"),
    "libmd": re.compile(r"sha2\.h"),
    "libsystemd": re.compile(r"systemd/"),
    "ncurses": re.compile(r"n?curses|^term\.h"),
    "sqlite3": re.compile(r"sqlite3"),
}


@dataclass(frozen=True)
class Room:
    """What a folder may include: other folders (or single headers of them) and libraries."""

    local: frozenset[str]
    libraries: frozenset[str] = frozenset()
    libc: frozenset[str] = field(default=LIBC)
    libc_folders: tuple[str, ...] = LIBC_FOLDERS


def room(local: str, libraries: str = "") -> Room:
    return Room(frozenset(local.split()), frozenset(libraries.split()))


ROOMS = {
    "include": room("include"),
    "core": Room(frozenset({"core"}), libc=LIBC_CORE, libc_folders=()),
    "hw": room("hw core lib/util.h", "hwloc"),
    "lib": room("lib include core hw/root.h hw/usable.h", "jansson"),
    "lib/bus": room("lib/bus lib/util.h", "libuv libsystemd"),
    "daemon": room("daemon core hw lib include", "libuv libsystemd libmd jansson inih"),
    "cli": room("cli core hw lib include", "libuv libsystemd sqlite3 jansson expat ncurses"),
    "examples": room("include"),
    "bench": room("bench include core lib hw/usable.h", "jansson"),
}

# What libcore.a may take from outside: memory, strings, sorting, arithmetic, abort. Nothing that
# asks the kernel.
CORE_SYMBOLS = frozenset(
    """abort bsearch calloc free malloc qsort realloc reallocarray
    memchr memcmp memcpy memmove memset snprintf stpcpy strchr strcmp strcpy strcspn strdup strlen
    strncmp strndup strnlen strpbrk strrchr strspn strstr strtod strtol strtoll strtoul strtoull
    vsnprintf
    ceil exp exp2 expm1 fabs floor fmax fmin fmod frexp hypot ldexp llround log log1p log2 lround
    modf nearbyint pow rint round sqrt trunc""".split()
)
# The compiler's own: assertions, errno, fortified forms, libgcc's arithmetic, position
# independence, sanitizers, coverage.
COMPILER_SYMBOLS = re.compile(
    r"__assert_fail$|__errno_location$|__ctype_b_loc$|__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$"
    r"|__(popcount|clz|ctz|u?divmod|u?div|u?mod|mul)[sdt]i[234]$"
    r"|__isoc23_strto\w+$|__(mem|st[rp]|v?sn)\w+_chk$"
    r"|__(asan|ubsan|tsan|msan|sanitizer|gcov|llvm)_\w+$"
)

# iniconfig comes with pytest.
PYTHON_ALLOWED = frozenset({"pytest", "_pytest", "pluggy", "iniconfig", "schedctl_pytest"})
# Only where their absence is expected: inside try, a function, or `if TYPE_CHECKING`.
PYTHON_GUARDED = frozenset(
    {
        "xdist",
        "execnet",
        "coverage",
        "pytest_cov",
        "inline_snapshot",
        "nbval",
        "pytest_bdd",
        "pytest_metadata",
    }
)
PYTHON_OLDEST = (3, 9)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(path: Path) -> list[tuple[int, str, bool]]:
    """(line, name, quoted) of each #include in a C file."""
    text = path.read_text()
    return [
        (text.count("\n", 0, m.start(1)) + 1, m.group(2), m.group(1) == '"')
        for m in INCLUDE.finditer(text)
    ]


def resolve(source: Path, includer: Path, name: str) -> str | None:
    """The included file relative to the source tree where it is one of ours, else None."""
    for candidate in (source / name, source / "include" / name, includer.parent / name):
        if candidate.is_file():
            return candidate.resolve().relative_to(source).as_posix()
    return None


def library_of(name: str) -> str | None:
    return next((lib for lib, pattern in LIBRARIES.items() if pattern.match(name)), None)


def is_libc(rules: Room, name: str) -> bool:
    return name.removesuffix(".h") in rules.libc or name.startswith(rules.libc_folders)


def is_local(rules: Room, path: str) -> bool:
    """Whether one of our files, or a folder around it, is in the room's row."""
    return any(part in rules.local for part in (path, *map(str, Path(path).parents)))


def files_of(source: Path, name: str) -> list[Path]:
    """A room's files; those in a folder that is a room of its own are that one's."""
    within = [source / other for other in ROOMS if other.startswith(f"{name}/")]
    return [
        path
        for path in sorted((source / name).rglob("*.[ch]"))
        if not any(other in path.parents for other in within)
    ]


def direct(source: Path, path: Path, rules: Room) -> Iterator[str]:
    """Violations among a file's own includes."""
    for line, name, quoted in includes(path):
        where = f"{path.relative_to(source)}:{line}"
        ours = resolve(source, path, name)
        library = library_of(name)
        if ours:
            if not is_local(rules, ours):
                yield f"{where}: may not include {ours}"
        elif library:
            if library not in rules.libraries:
                yield f"{where}: may not use {library} ({name})"
        elif quoted or not is_libc(rules, name):
            yield f"{where}: {name} is neither ours nor an allowed header"


def reached(source: Path, path: Path) -> dict[str, str]:
    """Libraries that a file's includes reach at any depth, with the header that names each."""
    found: dict[str, str] = {}
    seen: set[Path] = set()
    queue = [path]
    while queue:
        here = queue.pop()
        if here in seen:
            continue
        seen.add(here)
        for _, name, _ in includes(here):
            ours = resolve(source, here, name)
            library = library_of(name)
            if ours:
                queue.append(source / ours)
            elif library and here != path:
                found.setdefault(library, here.relative_to(source).as_posix())
    return found


def check_includes(source: Path) -> Iterator[str]:
    for name, rules in ROOMS.items():
        for path in files_of(source, name):
            yield from direct(source, path, rules)
            for library, header in reached(source, path).items():
                if library not in rules.libraries:
                    yield f"{path.relative_to(source)}: reaches {library} through {header}"


def guarded_nodes(tree: ast.Module) -> set[ast.AST]:
    """Every node inside a try, a function or an `if TYPE_CHECKING`."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if typing_only or isinstance(node, (ast.Try, ast.FunctionDef, ast.AsyncFunctionDef)):
            inside.update(ast.walk(node))
    return inside


def imported(node: ast.AST) -> list[str]:
    """Top-level names of the packages that a node imports."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module.split(".")[0]]
    return []


def check_python(source: Path) -> Iterator[str]:
    for path in sorted((source / "python").rglob("*.py")):
        where = path.relative_to(source)
        try:
            tree = ast.parse(path.read_text(), feature_version=PYTHON_OLDEST)
        except SyntaxError as e:
            yield f"{where}:{e.lineno}: not Python {PYTHON_OLDEST[0]}.{PYTHON_OLDEST[1]}: {e.msg}"
            continue
        guarded = guarded_nodes(tree)
        for node in ast.walk(tree):
            for name in imported(node):
                known = name in sys.stdlib_module_names or name in PYTHON_ALLOWED
                if not known and not (name in PYTHON_GUARDED and node in guarded):
                    yield f"{where}:{getattr(node, 'lineno', 0)}: may not import {name}"


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def symbols(*command: str | Path) -> set[str]:
    """Symbol names as nm prints them in its last column, without versions."""
    lines = (line.split() for line in output("nm", *command).splitlines())
    return {fields[-1].split("@")[0] for fields in lines if len(fields) >= 2}


def check_archive(archive: Path) -> Iterator[str]:
    """core/ takes nothing from outside that could do I/O, read a clock or an environment."""
    wanted = symbols("-u", archive) - symbols("--defined-only", archive)
    for name in sorted(wanted - CORE_SYMBOLS):
        if not COMPILER_SYMBOLS.match(name):
            yield f"{archive.name}: takes {name} from outside"


def check_exports(library: Path) -> Iterator[str]:
    for name in sorted(symbols("-D", "--defined-only", library)):
        if not re.match(r"schedctl_|SCHEDCTL_|__(asan|odr_asan|ubsan|sanitizer)", name):
            yield f"{library.name}: exports {name}"


def check_needed(program: Path, forbidden: str) -> Iterator[str]:
    for soname in re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-d", program)):
        if soname.startswith(forbidden):
            yield f"{program.name}: links {soname}"


def check_build(build: Path) -> Iterator[str]:
    archive, client = build / "core/libcore.a", build / "cli/schedctl"
    library = build / "lib/libschedctl.so"
    missing = [path for path in (archive, client, library) if not path.exists()]
    if missing:
        yield from (f"{path.relative_to(build)}: not built" for path in missing)
        return
    yield from check_archive(archive)
    yield from check_exports(library)
    yield from check_needed(client, "libhwloc")
    yield from check_needed(library, "libsystemd")


def main() -> int:
    source = Path(sys.argv[1]).resolve()
    found = [*check_includes(source), *check_python(source)]
    if len(sys.argv) > 2:
        found += check_build(Path(sys.argv[2]).resolve())
    print("\n".join(found) if found else "the layers hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
