"""`hubwire bench`: load on any SignalR server, from one machine, with a report. Needs the extra `hubwire[client]`.

`run` starts the processes and leads them, `process` and its `worker` are one of them, `connection` is one client in it.
"""
