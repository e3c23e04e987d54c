"""The timer function: keeps the work going that one process does for all, the broadcast of the dashboards among it.

Azure calls it in one instance at a time. That instance begins the work and goes on with it as long as it lives, under
the lease of the work: should the next call meet another instance, that one takes over when the first is gone, and jobs
that take longer than a call are not cut off. Each call stays for most of a minute, so that Azure sees somebody busy and
takes neither the instance away nor its processor. Knows nothing of what the work is.
"""

from __future__ import annotations

from typing import Final

import azure.functions as func

from meschain.entrypoints.functions.instance import Instance

SCHEDULE: Final = "*/15 * * * * *"
"""Six fields, the first of them seconds. Every 15 s: how long dashboards stand still at most after a start from
nothing. A call that still stays at its next time is not called again before it ends."""
STAY_SECONDS: Final = 55.0
"""How long a call stays. 55 s: the next one follows at the full minute, and every plan lets a call last 5 minutes."""


def add_timer_function(app: func.FunctionApp, instance: Instance, *, stay_seconds: float = STAY_SECONDS) -> None:
    """Register it."""

    @app.function_name("background")
    @app.timer_trigger("timer", SCHEDULE, run_on_startup=False, use_monitor=False)
    async def background(timer: func.TimerRequest) -> None:
        await instance.begin_work()
        application = await instance.application()
        await application.clock.sleep(stay_seconds)
