"""pytest-django: each worker has a database of its own."""

from __future__ import annotations

import pytest

from fidelity.compared import assert_same
from fidelity.plugins import loading
from suites import Suite

SETTINGS = """
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
    DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "main.sqlite3",
                              "TEST": {{"NAME": {name}}}}}}}
    DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
    ROOT_URLCONF = "urls"
    STATIC_URL = "/static/"
    USE_TZ = True
"""
TESTS = """
    import os, urllib.request, pytest
    from django.contrib.auth.models import Group
    from django.db import connection
    from django.test import TestCase, TransactionTestCase

    @pytest.mark.django_db
    @pytest.mark.parametrize("n", range(6))
    def test_only_its_own(n):
        Group.objects.create(name="g")
        assert Group.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_committed():
        Group.objects.create(name="g")
        assert Group.objects.count() == 1

    @pytest.mark.django_db
    def test_name():
        name = str(connection.settings_dict["NAME"])
        assert "memory" in name or os.environ.get("PYTEST_XDIST_WORKER", "") in name

    class TestUnit(TestCase):
        @classmethod
        def setUpTestData(cls): cls.group = Group.objects.create(name="unit")

        def test_there(self): self.assertEqual(Group.objects.get().name, "unit")
        def test_still_there(self): self.assertEqual(Group.objects.count(), 1)

    class TestCommitted(TransactionTestCase):
        def test_empty(self): self.assertFalse(Group.objects.exists())

    def test_served(live_server):
        assert urllib.request.urlopen(live_server.url + "/").read() == b"here"

    def test_no_database(): Group.objects.count()
"""
URLS = """
    from django.http import HttpResponse
    from django.urls import path
    urlpatterns = [path("", lambda request: HttpResponse("here"))]
"""


@pytest.mark.parametrize("name", ["'test.sqlite3'", "None"], ids=["file", "memory"])
def test_databases(suite: Suite, start: str, name: str) -> None:
    pytest.importorskip("django")
    loading(suite, pytest_django="django")
    suite.write(settings=SETTINGS.format(name=name), urls=URLS, test_one=TESTS, test_two=TESTS)
    (suite.path / "pytest.ini").write_text("[pytest]\nDJANGO_SETTINGS_MODULE = settings\n")
    arguments = ["--reuse-db"] if "sqlite3" in name else []
    found = f"{suite.environ()['PYTHONPATH']}:{suite.path}"
    serial = suite.run([], tuple(arguments), {"PYTHONPATH": found})
    ours = suite.parallel(*arguments, start=start, PYTHONPATH=found)
    assert_same(serial, ours)
    if arguments:
        made = {path.name for path in suite.path.glob("test.sqlite3_gw*")}
        # On a busy machine one may have run all before the other was there.
        assert made and made <= {"test.sqlite3_gw0", "test.sqlite3_gw1"}
        assert_same(serial, suite.parallel("--create-db", start=start, PYTHONPATH=found))
