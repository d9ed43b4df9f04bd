"""Items that the reporter runs itself: all of a suite too small for workers, and what no worker
could run."""

from __future__ import annotations

import contextlib
from typing import Any, Sequence

from ..reports import deal, traces
from ..suite.groups import Groups
from ..worker.meter import Meter


def run_here(
    session: Any, indexes: Sequence[int], directory: str, groups: Groups, item_timeout: float
) -> None:
    """pytest's own loop over these items, with the engine hearing what they cost; ends early as
    pytest does, and as for Ctrl-C where the engine is gone. item_timeout: seconds, 0 for none."""
    try:
        records = deal.Records(directory, deal.NO_WORKER)
    except deal.Closed:
        raise _gone() from None

    def set_up(node: Any, seconds: float) -> None:
        group = groups.known(node)
        if group >= 0:
            records.add(deal.SETUP, group, seconds)

    meter = Meter(set_up)
    session.config.pluginmanager.register(meter, "schedctl-meter")
    traces.register(session.config)
    alarm = _alarm(session.config, item_timeout, directory)
    try:
        for position, index in enumerate(indexes):
            following = indexes[position + 1 : position + 2]
            nextitem = session.items[following[0]] if following else None
            item = session.items[index]
            meter.begin()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            records.add(deal.DONE, index, *meter.end())
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
    except deal.Cut:
        raise
    except deal.Closed:
        raise _gone() from None
    finally:
        session.config.pluginmanager.unregister(meter)
        if alarm is not None:
            session.config.pluginmanager.unregister(alarm)
        with contextlib.suppress(deal.Closed):
            records.flush()
        records.close()


def _gone() -> KeyboardInterrupt:
    return KeyboardInterrupt("the connection to schedctl closed")


def _alarm(config: Any, seconds: float, directory: str) -> Any:
    """The plugin that fails whoever takes longer, registered; None for 0 seconds."""
    if not seconds:
        return None
    from .patience import Alarm

    alarm = Alarm(seconds, directory)
    config.pluginmanager.register(alarm, "schedctl-alarm")
    return alarm
