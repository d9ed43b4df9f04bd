# vm: shapes=8,16 seconds=300
"""Workers have CPUs to themselves: cores first, their siblings last."""

from __future__ import annotations

from .lib import Run, all_back, core_of, enable, leases, online


def check(workers: int) -> None:
    enable()
    with Run(workers, workers) as run:
        run.hear(workers)
        masks = run.masks()
        assert len(masks) == workers and all(len(mask) == 1 for mask in masks), masks
        used = {cpu for mask in masks for cpu in mask}
        assert len(used) == workers, masks
        cores = {core_of(cpu) for cpu in online()}
        expected = min(workers, len(cores))
        assert len({core_of(cpu) for cpu in used}) == expected, sorted(used)
        (lease,) = leases()
        assert set(lease["pus"]) == used, lease
        run.finish()
    all_back()


def test_cores() -> None:
    """As many workers as cores: each on a core of its own"""
    check(len({core_of(cpu) for cpu in online()}))


def test_siblings() -> None:
    """More of them: every core has one before any has two"""
    check(len(online()) * 3 // 4)
