"""The function app: which functions there are. What each does stands in the module of its kind."""

from __future__ import annotations

import azure.functions as func

from meschain.entrypoints.functions.http import add_http_functions
from meschain.entrypoints.functions.instance import Instance
from meschain.entrypoints.functions.timer import STAY_SECONDS, add_timer_function
from meschain.entrypoints.functions.triggers import add_trigger_functions


def make_function_app(
    instance: Instance | None = None, *, with_triggers: bool = True, stay_seconds: float = STAY_SECONDS
) -> func.FunctionApp:
    """The functions of one instance; nothing is opened before the first of them is called.

    Args:
        instance: None: one with the settings of the environment.
        with_triggers: False: without the functions of the SignalR extension, and thus without its connection string;
            events then come by `api/upstream` alone.
        stay_seconds: how long each call of the timer stays.
    """
    instance = instance or Instance()
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    add_http_functions(app, instance)
    add_timer_function(app, instance, stay_seconds=stay_seconds)
    if with_triggers:
        add_trigger_functions(app, instance)
    return app
