"""JUnit files of several runners joined: nothing is lost, and what is broken is said."""

from __future__ import annotations

import os
import re
import signal
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .conftest import BUILD, SAMPLES, Place

# Runners whose files are joined whole; the others among the samples are broken on purpose.
RUNNERS = ["pytest", "jest", "nextest", "gotestsum", "ctest", "surefire", "phpunit"]

SUITE = """
import pytest

@pytest.fixture
def broken():
    yield
    raise OSError("té<&>")

@pytest.mark.parametrize("n", range(9))
def test_number(n, record_property):
    record_property("n", n)
    print("number", n)

class TestOutcomes:
    def test_fails(self):
        assert "a" == "<b>"

    @pytest.mark.skip(reason="not today")
    def test_skipped(self):
        pass

    @pytest.mark.xfail
    def test_expected(self):
        assert False

    def test_teardown(self, broken):
        pass
"""


def shape(element: ElementTree.Element) -> tuple[object, ...]:
    """All of an element but the blanks between its children."""
    children = tuple(shape(child) for child in element)
    text = (element.text or "").strip() if children else element.text or ""
    text = re.sub("0x[0-9a-f]{6,}", "0x…", text)
    return element.tag, tuple(sorted(element.attrib.items())), text, children


def test_shards_of_pytest(place: Place) -> None:
    place.write("test_a.py", SUITE)
    place.pytest("--junitxml=whole.xml")
    for i, part in enumerate(["test_number", "TestOutcomes and skip", "TestOutcomes and not skip"]):
        place.pytest(f"--junitxml=nodes/{i}.xml", "-k", part)
    said = place.merge("--junit", "all.xml", "nodes")
    assert said == "all.xml: 13 tests of 3 files: 9 passed, 1 failed, 1 error, 2 skipped\n"
    assert place.cases("all.xml") == place.cases("whole.xml")
    (whole,), (joined,) = place.tree("whole.xml"), place.tree("all.xml")
    for name in ("name", "tests", "failures", "errors", "skipped", "hostname"):
        assert joined.get(name) == whole.get(name)
    by_name = {case.get("name"): case for case in joined.iter("testcase")}
    for case in whole.iter("testcase"):
        if case.get("name") != "test_teardown":
            case.set("time", by_name[case.get("name")].get("time", ""))
            assert shape(case) == shape(by_name[case.get("name")])


@pytest.mark.parametrize("name", RUNNERS)
def test_every_runner(place: Place, name: str) -> None:
    """One file alone comes out with all that it has."""
    original = place.tree(place.sample(name).name)
    place.merge("--junit", "out.xml", f"{name}.xml")
    root = place.tree("out.xml")
    if original.tag == "testsuite":
        (root,) = root
    assert sorted(map(shape, root.iter("testcase"))) == sorted(
        map(shape, original.iter("testcase"))
    )
    assert shape(root)[:2] == shape(original)[:2]
    assert [s.attrib for s in root.iter("testsuite")] == [
        s.attrib for s in original.iter("testsuite")
    ]
    for tag in ("property", "system-out", "system-err"):
        assert sorted(map(shape, root.iter(tag))) == sorted(map(shape, original.iter(tag)))


def test_runners_of_all_kinds(place: Place) -> None:
    names = sorted(place.sample(name).name for name in RUNNERS)
    facts = place.facts("--junit", "all.xml", *names)
    assert [i["kind"] for i in facts["inputs"]] == ["junit"] * len(RUNNERS)
    cases = sorted(case for name in names for case in place.cases(name))
    assert place.cases("all.xml") == cases
    assert facts["junit"]["suites"] == len(list(place.tree("all.xml").iter("testsuite")))


def test_all_of_it(place: Place) -> None:
    """To the letter. After a change that is meant: SCHEDCTL_REGENERATE=1, and look at the diff."""
    for name in RUNNERS:
        place.sample(name)
    place.sample("jest", "jest-again.xml")
    place.merge("--junit", "all.xml", *(f"{name}.xml" for name in RUNNERS), "jest-again.xml")
    text = (place.directory / "all.xml").read_text(encoding="utf-8")
    golden = Path(__file__).with_name("joined.xml")
    if "SCHEDCTL_REGENERATE" in os.environ:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_what_becomes_of_attributes(place: Place) -> None:
    node = (
        '<testsuites name="{root}">'
        '<testsuite name="s" {kept} tests="{n}" time="{time}" hostname="{host}"'
        ' timestamp="{when}" id="0"><properties><property name="p" value="1"/>'
        '<property name="host" value="{host}"/></properties><testcase name="{host}"/>'
        "<system-out>from {host}</system-out></testsuite></testsuites>"
    )
    first = dict(root="r", kept='x="1"', n=2, time="1.25", host="b", when="2026-11-22T02:00:00")
    second = dict(first, root="q", n=40, time="0.125", host="a", when="2026-11-22T02:30:00+01:00")
    place.write("1.xml", node.format(**first))
    place.write("2.xml", node.format(**second))
    place.write("3.xml", node.format(**dict(second, kept='x="2"', host="c")))
    place.merge("--junit", "all.xml", "1.xml", "2.xml", "3.xml")
    root = place.tree("all.xml")
    assert root.attrib == {"name": "r,q"}
    joined, other = root
    assert joined.attrib == dict(
        name="s", x="1", tests="42", time="1.375", hostname="b,a", id="0", timestamp=second["when"]
    )
    assert other.get("x") == "2"
    assert [p.attrib["value"] for p in joined.iter("property")] == ["1", "b", "a"]
    assert joined.findtext("system-out") == "from b\nfrom a"
    assert [child.tag for child in joined] == ["properties", "testcase", "testcase", "system-out"]

    place.merge("--junit", "kept.xml", "--keep-suites", "1.xml", "2.xml", "3.xml")
    assert [s.get("hostname") for s in place.tree("kept.xml")] == ["b", "a", "c"]


def test_sums_of_a_root_that_not_all_have(place: Place) -> None:
    place.write(
        "1.xml",
        '<testsuites tests="1" time="9"><testsuite name="a" tests="1" time="2"/></testsuites>',
    )
    place.write("2.xml", '<testsuite name="b" tests="2" time="3"/>')
    place.merge("--junit", "all.xml", "1.xml", "2.xml")
    assert place.tree("all.xml").attrib == {"tests": "3", "time": "5"}


@pytest.mark.parametrize("name, text", [("windows-1252", "€"), ("latin-1", "ü"), ("utf-16", "€")])
def test_encodings(place: Place, name: str, text: str) -> None:
    place.sample(name)
    place.merge("--junit", "all.xml", f"{name}.xml")
    assert f'name="{text}"' in (place.directory / "all.xml").read_text(encoding="utf-8")
    assert place.tree("all.xml")[0].get("name") == "café"


def test_cdata_and_references(place: Place) -> None:
    place.sample("surefire")
    place.merge("--junit", "all.xml", "surefire.xml")
    text = (place.directory / "all.xml").read_text(encoding="utf-8")
    assert "<![CDATA[a <b> & ]]]]><![CDATA[> c\n]]>" in text
    assert 'value="&#10;"' in text


@pytest.mark.parametrize(
    "name, why",
    [
        ("cut", "line 5, column 33: the file is cut off"),
        ("doctype", "line 2, column 13: a document type declaration, which no JUnit file has"),
        ("deep", "line 1, column 2573: elements are nested too deeply"),
        ("bad-nesting", "line 1, column 54: mismatched tag"),
        ("no-encoding", "line 1, column 31: unknown encoding"),
        ("empty", "is empty"),
        ("other-root", "is neither JUnit's XML nor a history nor coverage's data"),
    ],
)
def test_broken_files(place: Place, name: str, why: str) -> None:
    """One is said, with its line, and nothing of it is taken; the others are joined."""
    place.sample(name, "nodes/2.xml")
    place.sample("jest", "nodes/10.xml")
    said = place.merge("--junit", "all.xml", "nodes/2.xml", "nodes", status=1)
    assert said == f"schedctl merge: nodes/2.xml: {why}\n"
    assert place.cases("all.xml") == place.cases("nodes/10.xml")


def test_order_and_what_is_no_input(place: Place) -> None:
    for i in (1, 2, 10):
        place.write(f"nodes/{i}/r.xml", f'<testsuite name="{i}"/>')
    place.write("nodes/notes.txt", "no results")
    place.write("nodes/pom.xml", "<project/>")
    place.write("nodes/data.json", "{}")
    place.merge("--junit", "nodes/all.xml", "nodes")
    place.merge("--junit", "nodes/all.xml", "nodes", "nodes/2/r.xml")
    assert [s.get("name") for s in place.tree("nodes/all.xml")] == ["1", "2", "10"]
    assert place.facts("nodes/1")["ignored"] == 0
    assert place.facts("--junit", "nodes/all.xml", "nodes")["ignored"] == 3

    # Named as both it would be lost, or counted twice the next time.
    before = (place.directory / "nodes" / "all.xml").read_bytes()
    said = place.merge("--junit", "nodes/all.xml", "nodes/all.xml", "nodes/1", status=2)
    assert "nodes/all.xml cannot be an input and an output" in said
    assert (place.directory / "nodes" / "all.xml").read_bytes() == before


def test_tests_in_two_files(place: Place) -> None:
    place.write(
        "1.xml",
        '<testsuite name="s"><testcase classname="c" name="t"/><testcase name="u"/></testsuite>',
    )
    place.write(
        "2.xml",
        '<testsuite name="s"><testcase classname="c" name="t"><failure/></testcase></testsuite>',
    )
    done = place.schedctl("merge", "--junit", "all.xml", "1.xml", "2.xml")
    assert (done.returncode, done.stdout) == (
        0,
        "all.xml: 2 tests of 2 files: 2 passed, 1 failed\n",
    )
    assert done.stderr == (
        "schedctl merge: 1 test is in more than one file; all results are kept:\n"
        "  c t: passed in 1.xml, failed in 2.xml\n"
    )
    assert len(place.cases("all.xml")) == 3
    assert place.facts("1.xml", "2.xml")["repeated"]["count"] == 1


def test_standard_output(place: Place) -> None:
    place.sample("jest")
    done = place.schedctl("merge", "--junit", "-", "jest.xml")
    assert len(list(ElementTree.fromstring(done.stdout).iter("testcase"))) == 4
    assert done.stderr.startswith("-: 4 tests of 1 file")
    for other in ("x", "../with space/./x"):
        said = place.merge("--junit", "x", "--history", other, "jest.xml", status=2)
        assert "two outputs cannot be the same file" in said
    assert not (place.directory / "x").exists()


@pytest.mark.parametrize("option", ["", "--json"])
def test_a_report_that_nobody_can_read(place: Place, option: str) -> None:
    place.sample("jest")
    command = f'exec "$0" merge {option} jest.xml >/dev/full'
    done = place.call("sh", "-c", command, BUILD / "cli" / "schedctl")
    assert done.returncode == 1
    assert done.stderr == "schedctl merge: the report cannot be written\n"


def test_a_link_to_nothing(place: Place) -> None:
    """In a directory it is no file; who names it wants it."""
    place.sample("jest", "nodes/jest.xml")
    (place.directory / "nodes" / "gone.xml").symlink_to("nothing")
    place.merge("nodes")
    said = place.merge("nodes/gone.xml", status=1)
    assert said == "schedctl merge: nodes/gone.xml: No such file or directory\n"


def test_a_large_file(place: Place) -> None:
    """A hundred megabytes need no more memory than their tests' names."""
    line = (
        "<testcase classname='c' name='t%d'><system-out>"
        + "x" * 1_000_000
        + "</system-out></testcase>"
    )
    with (place.directory / "large.xml").open("w", encoding="utf-8") as file:
        file.write("<testsuite name='s'>")
        file.writelines(line % i for i in range(100))
        file.write("</testsuite>")
    limit = 64 << 20
    done = place.call(
        "sh",
        "-c",
        f'ulimit -v {limit >> 10} && exec "$0" merge --junit all.xml large.xml',
        BUILD / "cli" / "schedctl",
    )
    if "AddressSanitizer" in done.stderr:
        pytest.skip("a sanitizer wants all addresses")
    assert (done.returncode, done.stderr) == (0, "")
    assert (place.directory / "all.xml").stat().st_size > 100_000_000


def test_full_disk(place: Place) -> None:
    """The old file stays, and nothing lies about."""
    place.sample("jest")
    old = place.write("all.xml", "old")
    os.chmod(old, 0o640)
    size = (SAMPLES / "jest").stat().st_size // 1024
    done = place.call(
        "bash",
        "-c",
        f"ulimit -f {size}; trap '' XFSZ; \"$0\" merge --junit all.xml jest.xml",
        BUILD / "cli" / "schedctl",
    )
    assert done.returncode == 1
    assert "all.xml: File too large" in done.stderr
    assert old.read_text() == "old"
    place.merge("--junit", "all.xml", "jest.xml")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert sorted(p.name for p in place.directory.iterdir()) == ["all.xml", "jest.xml"]


def test_killed_while_it_writes(place: Place) -> None:
    """By the kernel, for too large a file. Nothing of it is there."""
    if not place.knows_unnamed():
        pytest.skip("the filesystem knows no files without a name")
    old = place.write("all.xml", "old")
    size = (place.sample("jest")).stat().st_size // 1024
    command = f'ulimit -f {size} && exec "$0" merge --junit all.xml jest.xml'
    done = place.call("bash", "-c", command, BUILD / "cli" / "schedctl")
    assert done.returncode == -signal.SIGXFSZ
    assert old.read_text() == "old"
    assert sorted(p.name for p in place.directory.iterdir()) == ["all.xml", "jest.xml"]


def test_places_that_cannot_be_written(place: Place) -> None:
    place.sample("jest")
    assert "nowhere/all.xml: No such file" in place.merge(
        "--junit", "nowhere/all.xml", "jest.xml", status=1
    )
    (place.directory / "link.xml").symlink_to(place.write("target.xml", "old"))
    place.merge("--junit", "link.xml", "jest.xml")
    assert (place.directory / "link.xml").is_symlink()
    assert place.cases("target.xml") == place.cases("jest.xml")
    place.merge("--junit", "/dev/null", "jest.xml")
    assert "takes a file" in place.merge("--coverage", "/dev/null", "jest.xml", status=2)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_command_lines(place: Place) -> None:
    assert "no input to merge" in place.merge(status=2)
    place.sample("jest")
    assert "standard output" in place.merge("--coverage", "-", "jest.xml", status=2)
    said = place.merge("--history", "h.json", "jest.xml", status=1)
    assert "h.json is not written: there is no history to join" in said
    assert "nothing: No such file or directory" in place.merge("nothing", status=1)
    place.write("empty/notes.txt", "no results")
    assert "there is nothing to join" in place.merge("empty", status=1)
