"""What Azure Functions loads: the functions of the application. They stand in `meschain.entrypoints.functions`."""

from meschain.entrypoints.functions import make_function_app

app = make_function_app()
