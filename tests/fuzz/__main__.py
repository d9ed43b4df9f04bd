"""Runs the fuzzers of a build and prints what came of each.

Usage: python3 -m fuzz BUILD [--seconds N] [--jobs J] [--only TARGET…] [--afl] [--work DIR]

Each starts with the seeds in corpus/TARGET and with what it has found in earlier runs, which is
kept in the folder for work. An input that fails is kept there too, and the command that tries it
again is printed.
"""

from __future__ import annotations

import argparse
import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
AFL_TARGETS = ["config", "history"]  # of text: docs/robustness.md says why
GRACE = 120  # seconds for starting, seeds and a last input, on a busy machine
SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
AFL = {
    "AFL_NO_UI": "1",
    "AFL_SKIP_CPUFREQ": "1",
    "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",
    "AFL_NO_AFFINITY": "1",
    "ASAN_OPTIONS": "abort_on_error=1:symbolize=0:detect_leaks=0",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:symbolize=0",
}


@dataclass
class Outcome:
    target: str
    seconds: int = 0
    executions: int = 0
    coverage: int = 0
    features: int = 0
    new_units: int = 0
    failures: list[Path] = field(default_factory=list)
    error: str = ""


def options_of(target: str) -> dict[str, str]:
    """TARGET.options, as OSS-Fuzz has them."""
    parser = configparser.ConfigParser()
    parser.read(HERE / f"{target}.options")
    return dict(parser["libfuzzer"]) if parser.has_section("libfuzzer") else {}


def last_number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def run(command: list[str], seconds: int, env: dict[str, str], log: Path) -> int | None:
    """The exit status; None where it did not end in time."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **env}
        )
        try:
            return process.wait(seconds + GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
        except BaseException:
            process.terminate()
            raise


def fuzz(build: Path, work: Path, target: str, seconds: int) -> Outcome:
    """With libFuzzer."""
    found, failed, log = work / target, work / "failed", work / f"{target}.log"
    found.mkdir(parents=True, exist_ok=True)
    failed.mkdir(exist_ok=True)
    before = set(failed.iterdir())
    options = options_of(target)
    if "dict" in options:
        options["dict"] = str(HERE / options["dict"])
    command = [
        str(build / "tests/fuzz" / f"fuzz-{target}"),
        f"-max_total_time={seconds}",
        "-print_final_stats=1",
        "-timeout=30",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={failed}/{target}-",
        *(f"-{name}={value}" for name, value in options.items()),
        str(found),
        str(HERE / "corpus" / target),
    ]
    status = run(command, seconds, SANITIZERS, log)
    text = log.read_text(errors="replace")
    return Outcome(
        target,
        last_number(r"Done \d+ runs in (\d+) second", text),
        last_number(r"stat::number_of_executed_units: (\d+)", text),
        last_number(r"cov: (\d+)", text),
        last_number(r"ft: (\d+)", text),
        last_number(r"stat::new_units_added: +(\d+)", text),
        sorted(set(failed.iterdir()) - before),
        "" if status == 0 else f"{log}: " + (f"status {status}" if status else "did not end"),
    )


def fuzz_afl(build: Path, work: Path, target: str, seconds: int) -> Outcome:
    """With AFL++, which has no end of seeds that are alike: one run, from the seeds alone."""
    out, log = work / f"{target}.afl", work / f"{target}.afl.log"
    shutil.rmtree(out, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    options = options_of(target)
    command = ["afl-fuzz", "-i", str(HERE / "corpus" / target), "-o", str(out), "-V", str(seconds)]
    if "dict" in options:
        command += ["-x", str(HERE / options["dict"])]
    command += ["-m", "none", "-t", "2000+", "--", str(build / "tests/fuzz" / f"fuzz-{target}")]
    status = run(command, seconds, AFL, log)
    stats = out / "default/fuzzer_stats"
    text = stats.read_text() if stats.exists() else ""
    crashes = out / "default/crashes"
    return Outcome(
        target,
        last_number(r"run_time +: (\d+)", text),
        last_number(r"execs_done +: (\d+)", text),
        last_number(r"edges_found +: (\d+)", text),
        0,
        last_number(r"corpus_found +: (\d+)", text),
        sorted(crashes.glob("id:*")) if crashes.exists() else [],
        "" if status == 0 else f"{log}: " + (f"status {status}" if status else "did not end"),
    )


def table(outcomes: list[Outcome]) -> Iterator[str]:
    layout = "{:10} {:>7} {:>10} {:>7} {:>6} {:>8} {:>6} {:>6}"
    yield layout.format(
        "target", "seconds", "executions", "per s", "edges", "features", "new", "failed"
    )
    for o in outcomes:
        rate = o.executions // o.seconds if o.seconds else 0
        failed = len(o.failures) or ("yes" if o.error else 0)
        yield layout.format(
            *(o.target, o.seconds, o.executions, rate, o.coverage, o.features, o.new_units, failed)
        )


def main() -> int:
    targets = sorted(folder.name for folder in (HERE / "corpus").iterdir())
    parser = argparse.ArgumentParser(prog="tools/fuzz")
    parser.add_argument("build", type=Path)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=targets, default=[])
    parser.add_argument("--afl", action="store_true")
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    work = (args.work or args.build / "fuzz").resolve()
    one = fuzz_afl if args.afl else fuzz
    wanted = args.only or (AFL_TARGETS if args.afl else targets)
    lock = threading.Lock()

    def go(target: str) -> Outcome:
        outcome = one(args.build.resolve(), work, target, args.seconds)
        with lock:
            print(f"{target}: {outcome.error or 'clean'}", flush=True)
        return outcome

    with ThreadPoolExecutor(args.jobs) as pool:
        outcomes = list(pool.map(go, wanted))
    print("\n".join(table(outcomes)))
    for outcome in outcomes:
        program = args.build / "tests/fuzz" / f"fuzz-{outcome.target}"
        for path in outcome.failures:
            print(f"failed, try again: {shlex.join([str(program), str(path)])}")
        if outcome.error and not outcome.failures:
            print(f"failed: {outcome.error}")
    return 1 if any(o.failures or o.error for o in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
