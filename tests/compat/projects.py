"""Which suites run: real projects at fixed versions, and the pytests that they run under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class Pytest:
    """A Python and its pytest.

    newest: not Debian's. requires: what brings it. packages: a folder whose files of it are laid
    over these. options: that every suite is run with.
    """

    name: str
    newest: bool
    python: str
    requires: Tuple[str, ...]
    packages: str = ""
    options: Tuple[str, ...] = ()


# Its newest deprecations are errors for a suite that makes every warning one.
NEW = ("-W", "ignore::pytest.PytestRemovedIn10Warning")


def pytests(python: str) -> Tuple[Pytest, ...]:
    """Debian 12's, and the newest; python: the one that runs the latter.

    What else Debian's Python has is kept from the suites: pytest loads every plugin it finds.
    """
    debian = ("pytest==7.2.1", "pluggy==1.0.0", "pytest-xdist==3.1.0")
    return (
        Pytest("debian", False, "/usr/bin/python3", debian, "/usr/lib/python3/dist-packages"),
        Pytest("newest", True, python, ("pytest==9.2.0", "pytest-xdist==3.8.0"), options=NEW),
    )


@dataclass(frozen=True)
class Project:
    """A suite.

    versions: of its source archive, and of the package that is installed for it to test; the first
    for Debian's pytest, the second for the newest.
    tests: arguments that select it, from the archive's top folder.
    requires: what it needs besides what the package requires, for the one and the other.
    extras: of the package, as pip writes them ("[async]").
    path: what goes into PYTHONPATH, below the archive's top folder.
    note: what a reader of the table should know.
    """

    name: str
    versions: Tuple[str, str]
    tests: Tuple[str, ...]
    requires: Tuple[Tuple[str, ...], Tuple[str, ...]] = ((), ())
    extras: str = ""
    path: str = ""
    note: str = ""

    def version_for(self, pytest: Pytest) -> str:
        return self.versions[pytest.newest]

    def requires_for(self, pytest: Pytest) -> Tuple[str, ...]:
        package = f"{self.name}{self.extras}=={self.version_for(pytest)}"
        return (package, *self.requires[pytest.newest], *pytest.requires)


def both(*requires: str) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    return requires, requires


PROJECTS = (
    Project("click", ("8.1.3", "8.1.8"), ("tests",)),
    Project("Jinja2", ("3.1.2", "3.1.6"), ("tests",), both("trio")),
    Project("marshmallow", ("3.18.0", "3.18.0"), ("tests",), both("pytz", "simplejson")),
    Project("more-itertools", ("9.0.0", "9.0.0"), ("tests",)),
    Project(
        "attrs",
        ("22.2.0", "25.4.0"),
        ("tests/test_make.py", "tests/test_functional.py", "tests/test_validators.py"),
        both("hypothesis", "cloudpickle"),
    ),
    Project(
        "Flask",
        ("2.2.2", "3.1.3"),
        ("tests", "--ignore=tests/test_cli.py"),
        (("Werkzeug==2.2.3",), ()),
        extras="[async,dotenv]",
    ),
    Project(
        "jsonschema",
        ("4.17.3", "4.25.1"),
        ("jsonschema",),
        ((), ("jsonpath-ng",)),
        extras="[format]",
    ),
    Project(
        "packaging",
        ("23.0", "25.0"),
        ("tests/test_markers.py", "tests/test_requirements.py", "tests/test_tags.py"),
        both("pretend"),
    ),
    Project(
        "Pygments",
        ("2.14.0", "2.19.2"),
        ("tests/snippets", "tests/test_html_formatter.py"),
        both("wcag-contrast-ratio"),
    ),
    Project(
        "SQLAlchemy",
        ("1.4.46", "2.0.45"),
        ("test/base", "test/engine/test_execute.py", "test/sql/test_operators.py"),
    ),
    Project(
        "djangorestframework",
        ("3.14.0", "3.16.1"),
        ("tests/authentication", "tests/test_fields.py", "tests/test_permissions.py"),
        (
            ("pytest-django==4.5.2", "Django==4.1.13", "pytz"),
            ("pytest-django==4.11.1", "Django==5.2.14", "pytz"),
        ),
    ),
    Project(
        "starlette",
        ("0.50.0", "0.50.0"),
        ("tests",),
        both("trio==0.32.0", "anyio==4.12.0", "typing-extensions"),
        extras="[full]",
    ),
    Project(
        "anyio",
        ("3.6.2", "4.12.0"),
        ("tests/test_synchronization.py", "tests/test_taskgroups.py", "tests/streams"),
        (
            ("trio==0.21.0", "trustme", "pytest-mock", "psutil", "hypothesis", "uvloop==0.17.0"),
            ("trio==0.32.0", "trustme", "pytest-mock", "psutil", "exceptiongroup", "blockbuster"),
        ),
    ),
    Project(
        "Werkzeug",
        ("2.2.3", "3.1.4"),
        ("tests", "--ignore=tests/test_serving.py"),
        both("pytest-timeout", "pytest-xprocess", "cryptography", "ephemeral-port-reserve"),
    ),
    Project("networkx", ("2.8.8", "3.5"), ("networkx/classes", "networkx/utils")),
    Project(
        "pydantic",
        ("1.10.4", "2.12.5"),
        (
            "tests/test_main.py",
            "tests/test_types.py",
            "-oaddopts=",
            "-Wignore::pytest.PytestUnknownMarkWarning",
        ),
        (
            ("dirty-equals", "pytest-mock"),
            ("dirty-equals", "pytest-mock", "jsonschema", "pytz", "email-validator"),
        ),
    ),
    Project(
        "pytest",
        ("7.2.1", "9.2.0"),
        (
            "testing/io",
            "testing/python/approx.py",
            "testing/python/raises.py",
            "testing/test_monkeypatch.py",
            "testing/test_skipping.py",
            "testing/test_tmpdir.py",
        ),
        both("hypothesis", "attrs"),
    ),
)
