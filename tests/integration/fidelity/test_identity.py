"""What a worker is told of itself."""

from __future__ import annotations

from suites import Suite


def test_worker_identity(suite: Suite, start: str) -> None:
    tests = """
        import os, pytest

        @pytest.mark.parametrize("n", range(10))
        def test_identity(worker_id, testrun_uid, request, n):
            assert os.environ["PYTEST_XDIST_WORKER"] == worker_id
            assert worker_id in ("gw0", "gw1")
            assert os.environ["PYTEST_XDIST_TESTRUNUID"] == testrun_uid
            assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == "2"
            assert request.config.workerinput["workerid"] == worker_id
            assert request.config.workerinput["workercount"] == 2
            assert os.environ["SCHEDCTL_SLOT"].isdigit()
            assert "schedctl" not in os.environ.get("PYTHONPATH", "")
    """
    suite.write(test_identity=tests)
    assert suite.parallel(start=start).status == 0
