"""Plain `pytest -n auto`, with the plugin installed and without."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import compare
import contenders
import peers
import real
import report
import sharing
import suites
from contenders import Extent, Job, Sample, Tools
from sharing import Way

WITHOUT = sharing.WAYS[0]
WITH = Way("with the plugin", sharing.xdist, peers.with_plugin)


def jobs(tools: Tools, extent: Extent) -> Iterator[tuple[Job, int]]:
    """Those that all contenders run, and how many rounds of each."""
    for suite in suites.SUITES:
        folder = tools.scratch / "auto" / suite.name
        suites.generate(suite, folder, extent.scale)
        yield Job(suite.name, folder), extent.rounds * suite.rounds
    for one in real.chosen(extent.quick):
        folder = real.fetch(one, tools.python, extent.fetched)
        yield Job(one.name, folder, one.arguments), extent.rounds


def sample(tools: Tools, way: Way, job: Job) -> Sample:
    return contenders.measure(way.command(tools, job), job.folder, way.environment(tools))


def measure(tools: Tools, job: Job, rounds: int) -> compare.Samples:
    """In turns; the plugin without history, and with what that run left."""
    samples: dict[str, list[Sample]] = {"auto": [], "cold": [], "warm": []}
    for n in range(rounds):
        for way in (WITHOUT, WITH) if n % 2 == 0 else (WITH, WITHOUT):
            if way is WITHOUT:
                samples["auto"].append(sample(tools, way, job))
            else:
                contenders.forget(tools)
                samples["cold"].append(sample(tools, way, job))
                samples["warm"].append(sample(tools, way, job))
    return samples


def row(name: str, samples: compare.Samples) -> list[str]:
    found = compare.times(samples)
    auto, cold, warm = (found.medians.get(way) for way in ("auto", "cold", "warm"))
    noise = max(found.noise.get(way, 0.0) for way in ("auto", "warm"))
    return [
        name,
        *(compare.cell(found, way) for way in ("auto", "cold", "warm")),
        report.ratio(cold, auto),
        report.ratio(warm, auto),
        f"± {noise:.2f}",
    ]


def alone(tools: Tools, extent: Extent) -> str:
    """One at a time, on every suite of the benchmark."""
    rows = []
    for job, rounds in jobs(tools, extent):
        print(f"{job.name}, -n auto …", file=sys.stderr, flush=True)
        rows.append(row(job.name, measure(tools, job, rounds)))
    head = ["pytest -n auto", "without", "plugin, cold", "plugin, warm"]
    return report.table([*head, "cold/without", "warm/without", "noise"], rows)


def together(tools: Tools, extent: Extent) -> str:
    """Two at once, beside the ticker; the history is that of a run before."""
    rows: list[Sequence[str]] = []
    for job in sharing.jobs(tools, extent):
        print(f"2 x {job.name}, -n auto …", file=sys.stderr, flush=True)
        contenders.forget(tools)
        sample(tools, WITH, job).passed()
        found = [
            {way.name: sharing.measure(tools, way, job, 2) for way in (WITHOUT, WITH)}
            for _ in range(extent.rounds)
        ]
        rows += sharing.rows(job.name, 2, found)
    contenders.forget(tools)
    return report.table(sharing.HEAD, rows)
