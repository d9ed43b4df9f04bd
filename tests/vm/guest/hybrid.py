# vm: shapes=8 seconds=300
"""A machine of P and E cores, by hwloc's XML: what is lent is what workers are pinned to."""

from __future__ import annotations

from pathlib import Path

from .lib import UNIT, Run, all_back, call, drop_in, enable, sh

# Four E cores, CPUs 0 to 3, and two P cores of two threads: as many CPUs as the guest has.
MACHINE = Path(__file__).with_name("hybrid-2p4e.xml")
P_CORES = ({4, 5}, {6, 7})
E_CORES = {0, 1, 2, 3}


def masks(workers: int) -> list[set[int]]:
    with Run(workers, workers) as run:
        run.hear(workers)
        found = run.masks()
        run.finish()
    all_back()
    return found


def test_begin() -> None:
    """The service takes the machine for a hybrid one"""
    enable()
    # Binding is real: the XML names no CPU that the guest does not have.
    hwloc = f"Environment=HWLOC_XMLFILE={MACHINE} HWLOC_THISSYSTEM=1"
    drop_in("hybrid", f"[Service]\n{hwloc}\n")
    sh("systemctl", "restart", UNIT)
    kinds = {kind["name"]: kind["pus"] for kind in call("GetMachine")["kinds"]}
    assert kinds == {"P": "4-7", "E": "0-3"}, kinds


def test_p_cores_first() -> None:
    """Two workers: each on a P core of its own"""
    used = masks(2)
    assert all(len(mask) == 1 for mask in used), used
    assert all(len(set.union(*used) & core) == 1 for core in P_CORES), used


def test_e_cores_before_siblings() -> None:
    """Six: on every core one, in the order that the service tells"""
    used = masks(6)
    order = [entry["pu"] for entry in call("GetMachine")["order"]]
    assert all(len(mask) == 1 for mask in used), used
    assert set.union(*used) == set(order[:6]), (used, order)
    assert E_CORES < set.union(*used), used


def test_end() -> None:
    """Back to the machine as it is"""
    drop_in("hybrid", "")
    sh("systemctl", "restart", UNIT)
    assert len(call("GetMachine")["kinds"]) == 1
