"""Every kind of test that pytest knows: outcomes, reports and counts are those of a serial run."""

from __future__ import annotations

from fidelity.compared import assert_same, both
from suites import Suite

UNITTEST = """
    import asyncio, unittest

    up = []

    def setUpModule(): up.append("module")

    def tearDownModule(): assert up.pop() == "module"

    class TestFixtures(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            assert up == ["module"]
            up.append("class")
            cls.addClassCleanup(up.remove, "class")

        @classmethod
        def tearDownClass(cls): assert up == ["module", "class"]

        def setUp(self):
            up.append("test")
            self.addCleanup(up.pop)

        def test_one(self): self.assertEqual(up[-2:], ["class", "test"])
        def test_two(self): self.assertEqual(up[-2:], ["class", "test"])
        def test_fails(self): self.fail("it")
        def test_skips(self): self.skipTest("not now")

        def test_subtests(self):
            for n in range(3):
                with self.subTest(n=n):
                    self.assertLess(n, 5)

    class TestLater(unittest.TestCase):
        def test_cleaned_up(self): self.assertEqual(up, ["module"])

    class TestBroken(unittest.TestCase):
        @classmethod
        def setUpClass(cls): raise ValueError("no class")

        def test_one(self): ...
        def test_two(self): ...

    @unittest.skip("all of it")
    class TestSkipped(unittest.TestCase):
        def test_one(self): ...

    class TestAsync(unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self): self.loop = asyncio.get_running_loop()
        async def test_runs(self): self.assertIs(self.loop, asyncio.get_running_loop())
        async def test_fails(self): self.fail("later")
"""

DOCTESTS = """
    def one():
        '''
        >>> one()
        1
        '''
        return 1

    def two():
        '''
        >>> two()
        3
        >>> raise ValueError("it")
        '''
        return 2

    def skipped():
        '''
        >>> 1 / 0  # doctest: +SKIP
        '''
"""

IDS = r"""
    import pytest

    ODD = ["", " ", "a::b", "a/b", "[", "]", "][", "\n", "\t", "\0", "\x7f", "é", "漢字", "\ud800",
           "😀", "a" * 10_000, "-", ".", "..", "'", '"', "\\", "%s", "{}", "gw0", "x@y", "#", "&<>"]

    @pytest.mark.parametrize("value", ODD)
    def test_text(value): assert value != "%s"

    @pytest.mark.parametrize("value", [text.encode("utf-8", "surrogatepass") for text in ODD])
    def test_bytes(value): ...

    @pytest.mark.parametrize("value", [1, 1], ids=["same", "same"])
    def test_duplicates(value): ...

    @pytest.mark.parametrize("value", [1.5, None, True, 1j, object, len], ids=lambda value: None)
    def test_objects(value): ...
"""

ORDER = """
    import pytest

    alive = []

    def fixture(name, scope, **options):
        @pytest.fixture(scope=scope, name=name, **options)
        def made(request):
            assert name not in alive
            alive.append(name)
            yield getattr(request, "param", name)
            alive.remove(name)
        return made

    everything = fixture("everything", "session", autouse=True)
    folder = fixture("folder", "package")
    whole = fixture("whole", "module", autouse=True)
    kind = fixture("kind", "class")
    own = fixture("own", "function")
    choice = fixture("choice", "session", params=["a", "b"])

    @pytest.fixture(scope=lambda fixture_name, config: "module")
    def dynamic(): return object()

    @pytest.fixture(scope="module")
    def broken(): raise ValueError("never up")

    @pytest.fixture
    def breaks():
        yield
        raise ValueError("never down")

    @pytest.fixture
    def finalized(request):
        request.addfinalizer(lambda: 1 / 0)
        request.addfinalizer(lambda: alive.append("x") or alive.remove("x"))
"""

ORDERED = """
    import pytest

    class TestScopes:
        @pytest.mark.parametrize("n", range(6))
        def test_all(self, own, kind, folder, dynamic, n): ...

        def test_again(self, kind): ...

    @pytest.mark.parametrize("n", range(3))
    def test_choice(choice, n): assert choice in "ab"

    @pytest.mark.parametrize("own", ["x", "y"], indirect=True)
    def test_indirect(own): assert own in "xy"

    def test_broken(broken): ...
    def test_broken_again(broken): ...
    def test_breaks(breaks): ...
    def test_finalized(finalized): ...

    @pytest.fixture
    def skips(): pytest.skip("in a fixture")

    def test_skips(skips): ...
    def test_imports(): pytest.importorskip("nothing_of_that_name")

    @pytest.mark.xfail(raises=ValueError)
    def test_other_error(): raise KeyError

    @pytest.mark.xfail(run=False)
    def test_not_run(): assert 0

    def test_xfails_late(): pytest.xfail("late")
"""

COLLECTORS = """
    import pytest

    class Item(pytest.Item):
        def __init__(self, *, value, **given):
            super().__init__(**given)
            self.value = value

        def runtest(self):
            if self.value == "bad":
                raise ValueError(self.value)
            if self.value == "skip":
                pytest.skip("said so")

        def repr_failure(self, excinfo): return f"it was {excinfo.value}"

        def reportinfo(self): return self.path, None, f"value {self.name}"

    class File(pytest.File):
        def collect(self):
            for line in self.path.read_text(encoding="utf-8").splitlines():
                name, _, value = line.partition(": ")
                yield Item.from_parent(self, name=name, value=value)

    def pytest_collect_file(parent, file_path):
        if file_path.suffix == ".yaml":
            return File.from_parent(parent, path=file_path)

    def pytest_collection_modifyitems(session, items):
        items.append(Item.from_parent(session, name="the session's own", value="good"))
        items.append(Item.from_parent(session, name="zero\\0and \\x1b", value="bad"))
        items.append(Item.from_parent(session, name="the session's own", value="skip"))
"""

AT_IMPORT = "import pytest\npytest.skip('the whole module', allow_module_level=True)\n"


def test_every_kind(suite: Suite, start: str) -> None:
    suite.write(
        conftest=COLLECTORS,
        test_unittest=UNITTEST,
        test_doctest=DOCTESTS,
        test_ids=IDS,
        test_skipped=AT_IMPORT,
    )
    (suite.path / "data.yaml").write_text("good: good\nbad one: bad\nskip::it: skip\né: good\n")
    (suite.path / "text.rst").write_text("Some text\n\n>>> 1 + 1\n3\n\n>>> 2\n2\n")
    folder = suite.path / "package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    suite.write(**{"package/conftest": ORDER, "package/test_a": ORDERED, "package/test_b": ORDERED})
    serial, ours = both(suite, start, "--doctest-modules", "--doctest-glob=*.rst", "-rN", "-v")
    assert_same(serial, ours)
    assert sorted(map(repr, ours.reports)) == sorted(map(repr, serial.reports))
    assert "it was bad" in ours.out
    assert "tests on 2 workers" in ours.err


UNSTABLE = """
    import pytest, time

    @pytest.mark.parametrize("value", [object(), time.time_ns()], ids=repr)
    def test_unstable(value): ...

    @pytest.mark.parametrize("value", {"one", "two", "three"})
    def test_set(value): ...
"""


def test_ids_that_nobody_has_twice(suite: Suite, start: str) -> None:
    """Every collection has others: fresh workers do not have them, and the reporter runs them."""
    ours = suite.write(test_unstable=UNSTABLE).parallel(start=start)
    assert (ours.status, ours.summary()) == (0, "5 passed")
