"""@pytest.mark.schedctl and the settings of the same meaning: what the engine is told, and that no
two items have at once what only one can have."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from suites import Ran, Suite, plugin_path

MARKED = """
    import pytest

    pytestmark = pytest.mark.schedctl(cpus=2, memory="1G")

    def test_module(): ...

    @pytest.mark.schedctl(cpus=3)
    @pytest.mark.schedctl(resource=["db:2", "port"])
    class TestClass:
        @pytest.mark.schedctl(memory=100, resource="db")
        def test_all(self): ...

        @pytest.mark.schedctl(resource="db:3", cpus=1)
        def test_least(self): ...

        @pytest.mark.parametrize(
            "n", [0, pytest.param(1, marks=pytest.mark.schedctl(exclusive=True))]
        )
        def test_each(self, n): ...
"""
PLAIN = """
    import pytest

    @pytest.mark.parametrize("n", range(3))
    def test_one(n): ...
"""
TOML = """
[tool.schedctl]
max-workers = 8
max-items-per-worker = 200
max-worker-memory = "1.5G"

[tool.schedctl.resources]
db = 2
unused = 7

[tool.schedctl.needs]
"test_plain.py" = {resource = "db", memory = "512M"}
"*[1]" = {resource = ["db:2", "gpu"], cpus = 2, memory = 2048}
"test_plain.py::test_one[2]" = {exclusive = true}
"""
INI = """
[pytest]
[schedctl]
max-workers = 8
max-items-per-worker = 200
max-worker-memory = 1.5G
resources = db:2 unused:7
needs =
    test_plain.py: resource=db memory=512M
    *[1]: resource=db:2 resource=gpu cpus=2 memory=2048
    test_plain.py::test_one[2]: exclusive
"""
LIMITS = {"max_workers": 8, "max_items_per_worker": 200, "max_worker_memory": 1536}


def announced(suite: Suite) -> Ran:
    suite.engine = "double"
    ran = suite.run(suite.launcher("fork", 2, "--mode", "inline"), ("--strict-markers",), {})
    assert ran.status == 0, ran.out + ran.err
    return ran


def needs(ran: Ran) -> Dict[str, Any]:
    """By the names of the items that have any."""
    told = ran.event("suite")
    return {
        told["items"][need["item"]].rpartition("::")[2]: {
            name: value for name, value in need.items() if name != "item"
        }
        for need in told["needs"]
    }


def exclusive(ran: Ran) -> List[str]:
    told = ran.event("suite")
    return [told["items"][index].rpartition("::")[2] for index in told.get("alone", ())]


def test_marks_of_all_that_an_item_is_in(suite: Suite) -> None:
    """The closest CPUs and memory; resources of all of them, the most of each."""
    ran = announced(suite.write(test_marked=MARKED))
    assert needs(ran) == {
        "test_module": {"cpus": 2, "memory": 1024},
        "test_all": {"cpus": 3, "memory": 100, "resources": {"db": 2, "port": 1}},
        "test_least": {"memory": 1024, "resources": {"db": 3, "port": 1}},
        "test_each[0]": {"cpus": 3, "memory": 1024, "resources": {"db": 2, "port": 1}},
    }
    assert exclusive(ran) == ["test_each[1]"]
    assert "1 item alone: exclusive by a mark" in ran.event("suite")["why"]
    assert ran.event("suite")["resources"] == {"db": 1, "port": 1}


@pytest.mark.parametrize("name, text", [("pyproject.toml", TOML), ("pytest.ini", INI)])
def test_settings(suite: Suite, name: str, text: str) -> None:
    """Of several patterns the last one says how much; a mark wins over all."""
    (suite.path / name).write_text(text)
    marked = PLAIN.replace("test_one", "test_two").replace(
        "@", "@pytest.mark.schedctl(cpus=4)\n    @"
    )
    ran = announced(suite.write(test_plain=PLAIN, test_marked=marked))
    assert needs(ran) == {
        "test_one[0]": {"memory": 512, "resources": {"db": 1}},
        "test_one[1]": {"cpus": 2, "memory": 2048, "resources": {"db": 2, "gpu": 1}},
        "test_two[0]": {"cpus": 4},
        "test_two[1]": {"cpus": 4, "memory": 2048, "resources": {"db": 2, "gpu": 1}},
        "test_two[2]": {"cpus": 4},
    }
    assert exclusive(ran) == ["test_one[2]"]
    assert ran.event("suite")["resources"] == {"db": 2, "gpu": 1}
    assert ran.event("hello")["settings"] == LIMITS


def test_nothing_to_say(suite: Suite) -> None:
    told = announced(suite.write(test_plain=PLAIN)).event("suite")
    assert set(told) == {"event", "items", "group", "groups", "start", "why", "maxfail"}


@pytest.mark.parametrize(
    "given, complaint",
    [
        ({"cpus": 0}, "cpus: has to be a number from 1 on, not 0"),
        ({"cpus": True}, "cpus: has to be a number from 1 on, not True"),
        ({"memory": "2 X"}, 'memory: has to be "512M", "2G" or a number of MiB, not \'2 X\''),
        ({"memory": "0M"}, "memory: has to be"),
        ({"memory": 1.5}, "memory: has to be"),
        ({"resource": "db:0"}, 'resource: has to be "NAME", "NAME:AMOUNT" or a list of these'),
        ({"resource": ["db", "a b"]}, "resource: has to be"),
        ({"resource": {"db": 1}}, "resource: has to be"),
        ({"exclusive": "yes"}, "exclusive: has to be true or false, not 'yes'"),
        ({"cpu": 2}, "cpu: no such need; there are cpus, memory, resource, exclusive"),
    ],
)
def test_what_is_wrong(monkeypatch: pytest.MonkeyPatch, given: Any, complaint: str) -> None:
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.suite import needs

    with pytest.raises(ValueError) as raised:
        needs.read(given)
    assert str(raised.value).startswith(complaint)


def test_amounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin_path())
    from schedctl_pytest.suite import amounts

    texts = ["1K", "512M", "0.5GiB", "2GB", "1T", "9999999999T", 7]
    most = (1 << 31) - 1
    made = [amounts.mebibytes(text) for text in texts]
    assert made == [1, 512, 512, 2048, 1 << 20, most, 7]
    assert amounts.resources(["a", "b:2", "b:3", "c:1"]) == {"a": 1, "b": 3, "c": 1}
    assert (amounts.cpus(10**30), amounts.count(10**30)) == (4096, most)


@pytest.mark.parametrize(
    "mark, complaint",
    [
        ('resource="db:x"', 'resource: has to be "NAME", "NAME:AMOUNT" or a list of these, not'),
        ("2", "takes names alone: cpus, memory, resource, exclusive"),
    ],
)
def test_a_wrong_mark_is_a_usage_error(suite: Suite, mark: str, complaint: str) -> None:
    """As it would be in the settings; without schedctl nobody looks at it."""
    tests = f"import pytest\n@pytest.mark.schedctl({mark})\ndef test_it(): ...\ndef test_two(): ..."
    ran = suite.write(test_wrong=tests).parallel()
    assert (ran.status, suite.serial().status) == (4, 0)
    errors = [line for line in ran.err.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1 and complaint in errors[0]
    assert errors[0].startswith("ERROR: test_wrong.py::test_it: mark schedctl: ")


def test_strict_markers(suite: Suite, start: str) -> None:
    """Known in every process that collects, also where pytest-xdist is."""
    tests = "import pytest\n@pytest.mark.schedctl(cpus=2)\n@pytest.mark.parametrize('n', range(4))"
    suite.write(test_strict=tests + "\ndef test_it(n): ...")
    suite.engine = "double"
    for xdist in "no:xdist", "no:nothing":
        ran = suite.parallel("--strict-markers", "-p", xdist, start=start)
        assert (ran.status, len(ran.reports)) == (0, 4 * 3), ran.out
    assert "@pytest.mark.schedctl(cpus, memory" in suite.parallel("--markers").out


# Each test notes what it has while it runs.
HAVING = """
    import os, pytest

    def note(what, name):
        fd = os.open("notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, f"{what} {name}\\n".encode())
        os.close(fd)

    @pytest.fixture(autouse=True)
    def having(request):
        note("begin", request.node.name)
        yield
        note("end", request.node.name)

    @pytest.mark.parametrize("n", range(6))
    @pytest.mark.parametrize("what", [
        pytest.param("one", marks=pytest.mark.schedctl(resource="one")),
        pytest.param("two", marks=pytest.mark.schedctl(resource="two")),
        pytest.param("both", marks=pytest.mark.schedctl(resource=["one", "two:2"])),
        pytest.param("alone", marks=pytest.mark.schedctl(exclusive=True)),
        "free",
    ])
    def test_it(what, n):
        for _ in range(20):
            os.sched_yield()
"""
CAPACITIES = {"one": 1, "two": 2}
AMOUNTS = {"one": {"one": 1}, "two": {"two": 1}, "both": {"one": 1, "two": 2}}


def test_nobody_has_what_another_has(suite: Suite, start: str) -> None:
    (suite.path / "pyproject.toml").write_text("[tool.schedctl.resources]\ntwo = 2\n")
    ran = suite.write(test_it=HAVING).parallel("-q", start=start, w=4)
    assert ran.status == 0 and "30 passed" in ran.out, ran.out + ran.err
    running: List[str] = []
    for line in (suite.path / "notes").read_text().splitlines():
        what, name = line.replace("[", " ").replace("-", " ").split()[0::2]
        if what == "end":
            running.remove(name)
            continue
        running.append(name)
        assert "alone" not in running or len(running) == 1, running
        for resource, capacity in CAPACITIES.items():
            had = [AMOUNTS.get(name, {}).get(resource, 0) for name in running]
            assert sum(had) <= capacity, running
