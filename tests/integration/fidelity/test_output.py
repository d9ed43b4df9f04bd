"""What tests write past pytest's capture."""

from __future__ import annotations

from suites import Suite


def test_output_past_capture_stays_together(suite: Suite, start: str) -> None:
    """With -s, and where capture is switched off for a while; in a dying worker too."""
    tests = """
        import os, pytest, sys, time

        @pytest.mark.parametrize("n", range(20))
        def test_says(n, capsys):
            with capsys.disabled():
                print(f"<{n}", flush=True)
                os.system(f"echo ={n}")
                print(f"{n}>", flush=True)
            if n == 7:
                print("last words", flush=True)
                os.write(1, b"of seven")
                os._exit(1)
    """
    suite.write(test_says=tests)
    for capture in ("fd", "no"):
        ours = suite.parallel(f"--capture={capture}", start=start)
        assert ours.failed() == ["test_says.py::test_says[7]"]
        for n in range(20):
            if n != 7:
                assert f"<{n}\n={n}\n{n}>\n" in ours.out
    assert "last words" not in ours.out and "of seven" in ours.out
