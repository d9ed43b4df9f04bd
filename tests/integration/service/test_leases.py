"""Leases: granting, sharing, returning, claiming, limits, and their life across restarts."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from .conftest import STRANGER, Service, StartService, as_root
from .varlink_client import NO_SUCH_LEASE, SCHEDULER, Connection, Json, error, invalid

EIGHT = set(range(8))


def named(grant: Json, **more: object) -> Json:
    return {"lease": grant["lease"], "token": grant["token"], **more}


def give_back(connection: Connection, grant: Json, now: Json, *pus: int) -> Json:
    """Returns PUs of the lease that `grant` opened and that `now` is the latest grant of."""
    return connection.exchange(
        SCHEDULER + "Return", named(grant, generation=now["generation"], pus=list(pus))
    )


def leases(service: Service) -> list[Json]:
    with service.connect() as connection:
        found: list[Json] = connection.call(SCHEDULER + "GetStatus")["leases"]
        return found


def test_first_lease_gets_everything(connection: Connection, service: Service) -> None:
    grant = connection.acquire(label="first")
    assert set(grant["pus"]) == EIGHT
    assert len(grant["slots"]) == 8 and len(set(grant["slots"])) == 8
    assert len(grant["token"]) == 32 and int(grant["token"], 16)
    assert grant["generation"] >= 1 and grant["reason"]
    assert not grant.get("wanted") and not grant.get("shared") and not grant.get("position")
    (lease,) = leases(service)
    assert lease["lease"] == grant["lease"] and lease["uid"] == os.getuid()
    assert lease["label"] == "first" and lease["pus"] == grant["pus"]


def test_pus_are_best_first(connection: Connection) -> None:
    with_reason = connection.call(SCHEDULER + "GetMachine")["order"]
    grant = connection.acquire()
    assert grant["pus"] == [choice["pu"] for choice in with_reason]


def test_token_is_shown_once(service: Service) -> None:
    with service.connect() as connection, service.connect() as calls:
        grant = connection.acquire()
        calls.call(SCHEDULER + "Update", named(grant, max=2))
        assert "token" not in connection.grant()
        assert grant["token"] not in str(calls.call(SCHEDULER + "GetStatus"))
    assert grant["token"] not in service.log


def test_closing_the_connection_ends_the_lease(service: Service) -> None:
    with service.connect() as first, service.connect() as second:
        first.acquire()
        second.acquire()
        first.close()
        while set((grant := second.grant())["pus"]) != EIGHT:
            pass
        assert not grant.get("shared")
    while leases(service):
        pass


def test_two_leases_share(service: Service) -> None:
    """The second one's first PU does not wait, and the first gives the rest back when asked."""
    with service.connect() as a, service.connect() as b, service.connect() as calls:
        first = a.acquire()
        second = b.acquire()
        assert len(second["pus"]) == 1 and second["shared"] == second["pus"]
        asked = a.grant()
        assert len(asked["wanted"]["pus"]) == 4 and asked["wanted"]["reason"]
        assert 0 <= asked["wanted"]["withinMs"] <= 1000
        assert give_back(calls, first, asked, *asked["wanted"]["pus"]) == {"parameters": {}}
        while "wanted" in (kept := a.grant()):  # after a second it has asked again
            pass
        while len((other := b.grant())["pus"]) < 4:
            pass
        assert len(kept["pus"]) == 4 and len(other["pus"]) == 4
        assert set(kept["pus"]) | set(other["pus"]) == EIGHT
        assert not set(first["slots"]) & set(second["slots"])


def test_return_is_idempotent(service: Service) -> None:
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(max=4)
        calls.call(SCHEDULER + "Update", named(grant, max=2))
        asked = a.grant()
        for _ in range(2):
            give_back(calls, grant, asked, *asked["wanted"]["pus"])
        now = leases(service)[0]["pus"]
        assert set(now) == set(grant["pus"]) - set(asked["wanted"]["pus"])
        # PUs that the lease does not hold, or that nobody has
        assert give_back(calls, grant, asked, 7, 4095) == {"parameters": {}}
        assert leases(service)[0]["pus"] == now


def test_return_of_unusable(service: Service) -> None:
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(max=2)
        bad = grant["pus"][0]
        call = named(grant, generation=grant["generation"], pus=[bad], unusable=True)
        calls.call(SCHEDULER + "Return", call)
        now = a.grant()
        assert bad not in now["pus"] and len(now["pus"]) == 2
        assert now["lost"]["pus"] == [bad] and now["lost"]["reason"]


def test_update(service: Service) -> None:
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(max=2)
        assert calls.call(SCHEDULER + "Update", named(grant, max=6, workRate=1.5)) == {}
        assert len(a.grant()["pus"]) == 6
        assert calls.exchange(SCHEDULER + "Update", named(grant, min=7)) == invalid("max")
        assert calls.exchange(SCHEDULER + "Update", named(grant, max="6")) == invalid("max")
        assert leases(service)[0]["max"] == 6


def test_unit(service: Service) -> None:
    """What its client says of the unit is shown as a label is: escaped, and bounded before that."""
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(max=2)
        assert "unit" not in leases(service)[0]
        for unit, shown in (
            ("run-1.scope", "run-1.scope"),
            ("u" * 255, "u" * 255),
            ("\n", "\\x0a"),
        ):
            calls.call(SCHEDULER + "Update", named(grant, unit=unit))
            assert leases(service)[0]["unit"] == shown
        for wrong in ("u" * 256, 7):
            bad = calls.exchange(SCHEDULER + "Update", named(grant, unit=wrong))
            assert bad == invalid("unit")
        refused = calls.exchange(SCHEDULER + "Update", named(grant, unit="other.scope", min=3))
        assert refused == invalid("max")
        calls.call(SCHEDULER + "Update", named(grant, max=1))  # says nothing of it
        assert leases(service)[0]["unit"] == "\\x0a"
        calls.call(SCHEDULER + "Update", named(grant, unit=""))
        assert "unit" not in leases(service)[0]


@as_root
def test_unit_is_hidden_from_other_users(service: Service) -> None:
    with service.connect() as a, service.connect() as calls, service.connect_as(STRANGER) as other:
        grant = a.acquire(max=2, label="secret")
        calls.call(SCHEDULER + "Update", named(grant, unit="secret.scope"))
        assert "secret" not in str(other.call(SCHEDULER + "GetStatus"))


def test_unit_outlives_the_service(start: StartService) -> None:
    """Also one that was said last of all, when nothing of the lease itself changed."""
    service = start()
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(max=2)
        calls.call(SCHEDULER + "Update", named(grant, unit="run-1.scope"))
        service.end(signal.SIGKILL)
    service = start()
    assert leases(service)[0]["unit"] == "run-1.scope"


@pytest.mark.parametrize("what", ["Update", "Return", "Claim"])
@pytest.mark.parametrize("wrong", [{"token": "0" * 32}, {"token": ""}, {"lease": "99"}])
def test_wrong_token_or_lease(service: Service, what: str, wrong: Json) -> None:
    with service.connect() as a, service.connect() as b:
        grant = a.acquire()
        call = {**named(grant, generation=grant["generation"], pus=[]), **wrong}
        assert b.exchange(SCHEDULER + what, call, more=True) == NO_SUCH_LEASE
        assert len(leases(service)) == 1


@as_root
def test_right_token_of_another_user(service: Service) -> None:
    with service.connect() as a:
        grant = a.acquire(label="secret")
        call = named(grant, generation=grant["generation"], pus=grant["pus"])
        with service.connect_as(STRANGER) as b:
            for what in ("Update", "Return", "Claim"):
                assert b.exchange(SCHEDULER + what, call, more=True) == NO_SUCH_LEASE
            (lease,) = b.call(SCHEDULER + "GetStatus")["leases"]
            assert "label" not in lease
    (lease,) = leases(service) or [{}]
    assert not lease or "label" in lease


def test_allowed_restricts(connection: Connection) -> None:
    assert set(connection.acquire(allowed="2-3,100")["pus"]) == {2, 3}


def test_nothing_usable(connection: Connection) -> None:
    reply = connection.exchange(SCHEDULER + "Acquire", {"allowed": "100-101"}, more=True)
    assert reply == error(SCHEDULER + "NoUsablePU", usable="0-7", allowed="100-101")
    connection.acquire()  # the connection goes on


def test_nothing_allowed(connection: Connection, service: Service) -> None:
    nothing = error(SCHEDULER + "NoUsablePU", usable="0-7", allowed="")
    for method in ("Acquire", "SuggestWorkers"):
        assert connection.exchange(SCHEDULER + method, {"allowed": ""}, more=True) == nothing
    grant = connection.acquire()
    with service.connect() as calls:
        assert calls.exchange(SCHEDULER + "Update", named(grant, allowed="")) == nothing
        assert leases(service)[0]["pus"] == grant["pus"]


def test_quota(connection: Connection) -> None:
    assert len(connection.acquire(quota=1.5, cgroup="/a")["pus"]) == 2


def test_other_kernel(connection: Connection) -> None:
    own = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    reply = connection.exchange(SCHEDULER + "Acquire", {"bootId": "x"}, more=True)
    assert reply == error(SCHEDULER + "OtherKernel", bootId=own)
    connection.acquire(bootId=own)


def test_label_is_escaped(connection: Connection, service: Service) -> None:
    connection.acquire(label="a\x1b[2Jb\u202e")
    assert leases(service)[0]["label"] == "a\\x1b[2Jb\\u202e"


def test_suggest_workers(service: Service) -> None:
    with service.connect() as a, service.connect() as b:
        answer = b.call(SCHEDULER + "SuggestWorkers")
        assert answer["workers"] == 8 and set(answer["pus"]) == EIGHT and answer["reason"]
        assert b.call(SCHEDULER + "SuggestWorkers", {"max": 3})["workers"] == 3
        a.acquire()
        assert 1 <= b.call(SCHEDULER + "SuggestWorkers")["workers"] <= 4
        assert len(leases(service)) == 1


def test_leases_per_user(service: Service) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(service.connect()) for _ in range(129)]
        for connection in connections[:128]:
            connection.acquire(max=1)
        reply = connections[128].exchange(SCHEDULER + "Acquire", more=True)
        assert reply == error(SCHEDULER + "LimitExceeded", limit="leases per user", maximum=128)
        connections[0].close()
        connections[1].close()
        while len(leases(service)) > 126:
            pass
        connections[128].acquire(max=1)


def test_connections_per_user(service: Service) -> None:
    with ExitStack() as stack:
        for _ in range(320):
            stack.enter_context(service.connect())
        refused = stack.enter_context(service.connect())
        assert refused.expect() == error(
            SCHEDULER + "LimitExceeded", limit="connections per user", maximum=320
        )
        assert refused.ends()


def test_slow_reader_gets_the_latest(service: Service) -> None:
    """More changes than its socket holds: what waits is replaced; the last one does arrive."""
    n = 3000
    with service.connect() as a, service.connect() as calls:
        grant = a.acquire(max=1)
        everything = named(grant, generation=2**62, pus=list(EIGHT))
        for i in range(n):
            calls.call(SCHEDULER + "Update", named(grant, max=2 + i % 2))
            calls.call(SCHEDULER + "Return", everything)
        calls.call(SCHEDULER + "Update", named(grant, max=7))
        seen = 1
        while len(a.grant()["pus"]) < 7:
            seen += 1
        assert seen < n


def test_machine_is_read_again(connection: Connection, service: Service) -> None:
    before = connection.call(SCHEDULER + "GetMachine")
    assert len(before["pus"]) == 8 and before["usable"] == "0-7"
    service.process.send_signal(signal.SIGHUP)
    assert connection.call(SCHEDULER + "GetMachine") == before


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_claim_after_a_restart(start: StartService, how: signal.Signals) -> None:
    service = start()
    with service.connect() as a:
        first = a.acquire(max=4, label="kept")
        service.end(how)
        assert a.ends()
    service = start()
    (lease,) = leases(service)
    assert lease["detached"] and lease["pus"] == first["pus"] and lease["label"] == "kept"
    with service.connect() as b, service.connect() as a:
        # What is recorded is reserved; all else is lendable at once.
        other = b.acquire()
        assert set(other["pus"]) == EIGHT - set(first["pus"])
        call = named(first, generation=first["generation"], pus=first["pus"])
        assert (
            a.exchange(SCHEDULER + "Claim", {**call, "token": "0" * 32}, more=True) == NO_SUCH_LEASE
        )
        a.send(SCHEDULER + "Claim", call, more=True)
        again = a.grant()
        assert again["lease"] == first["lease"] and "token" not in again
        assert again["pus"] == first["pus"] and again["slots"] == first["slots"]
        assert again["generation"] > first["generation"] - 1
        assert not [x for x in leases(service) if x["detached"]]


def test_claim_of_less(start: StartService) -> None:
    service = start()
    with service.connect() as a:
        first = a.acquire(max=4)
        service.end(signal.SIGKILL)
    service = start()
    with service.connect() as a, service.connect() as b:
        b.acquire()  # wants everything, so that what is not claimed is not simply granted anew
        part = first["pus"][:2]
        a.send(
            SCHEDULER + "Claim",
            named(first, generation=first["generation"], pus=part + [7]),
            more=True,
        )
        assert set(a.grant()["pus"]) >= set(part)


def test_unclaimed_leases_end(start: StartService) -> None:
    service = start()
    with service.connect() as a:
        first = a.acquire()
        service.end(signal.SIGKILL)
    service = start()
    with service.connect() as b:
        grant = b.acquire()
        while set(grant["pus"]) != EIGHT or grant.get("shared"):
            grant = b.grant()  # after the few seconds in which it might have been claimed
        call = named(first, generation=first["generation"], pus=first["pus"])
        with service.connect() as a:
            assert a.exchange(SCHEDULER + "Claim", call, more=True) == NO_SUCH_LEASE


def test_claim_takes_the_stream_over(service: Service) -> None:
    with service.connect() as a, service.connect() as b:
        grant = a.acquire()
        b.send(
            SCHEDULER + "Claim",
            named(grant, generation=grant["generation"], pus=grant["pus"]),
            more=True,
        )
        assert b.grant()["pus"] == grant["pus"]
        assert a.expect() == NO_SUCH_LEASE and a.ends()
        assert len(leases(service)) == 1


def test_damaged_state_is_set_aside(start: StartService, socket_path: Path) -> None:
    state = socket_path.with_name("s.state")
    state.write_text("{}\n")
    service = start()
    assert leases(service) == []
    assert socket_path.with_name("s.state.corrupt").exists()
    assert "set aside" in service.log
    with service.connect() as a:
        a.acquire()


def test_state_of_another_boot_is_nothing(start: StartService, socket_path: Path) -> None:
    socket_path.with_name("s.state").write_text('{"schedd":1,"boot":"another"}\n{"lease":1}\n')
    assert leases(start()) == []
    assert not socket_path.with_name("s.state.corrupt").exists()
