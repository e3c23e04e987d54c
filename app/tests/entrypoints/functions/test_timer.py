"""The timer function: begins the work of one process for all, stays for its time, and leaves the work running."""

from __future__ import annotations

from pathlib import Path

from app.tests.functions_host.site import functions_site, somebody_works


async def test_a_call_begins_the_work_which_goes_on_after_it(data_dir: Path) -> None:
    async with functions_site(data_dir) as functions:
        lease = functions.site.application.lease
        assert not lease.is_held
        await functions.host.fire("background")
        await somebody_works(lease)
        await functions.host.fire("background", past_due=True)
        assert lease.holder


async def test_the_work_is_done_as_the_host_calls_its_timers(data_dir: Path) -> None:
    async with functions_site(data_dir, with_timers=True) as functions:
        assert functions.site.application.demo_shop is not None
        await functions.site.orders_are_watched()
    assert "background" in functions.host.invocations
