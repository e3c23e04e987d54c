"""`python -m engine.tests.server.worker_program`: workers that serve nothing but say what they are, for test_workers.

Each accepts connections on both of its sockets and answers with a line: number, process, node id, digest of the key.
What is read from a client of the public one may end the worker: `exit <status>`, or hang it so that it does not stop.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import selectors
import signal
import sys
import threading

from hubwire.server.workers import Worker, run_workers


def serve(behaviour: str, worker: Worker) -> None:
    if behaviour == "fails" and worker.number == 1:
        raise RuntimeError("cannot be built")
    if behaviour == "exits" and worker.number == 1:
        sys.exit(7)
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    digest = hashlib.sha256(worker.key).hexdigest()[:8]
    answer = f"{worker.number} {os.getpid()} {worker.node_id} {digest} {worker.internal_address}\n".encode()
    selector = selectors.DefaultSelector()
    for each in (worker.public, worker.internal):
        each.listen(50)
        selector.register(each, selectors.EVENT_READ)
    worker.ready()
    while True:
        for key, _ in selector.select():
            accepted, _ = (worker.public if key.fileobj is worker.public else worker.internal).accept()
            with accepted:
                accepted.sendall(answer)
                order = accepted.recv(100).decode().split()
                if order and order[0] == "exit":
                    os._exit(int(order[1]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", default="")
    options = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(message)s")

    def tell(port: int) -> None:
        print(port, threading.active_count(), flush=True)  # noqa: T201 - to the test

    run_workers(lambda worker: serve(options.behaviour, worker), options.count, port=options.port, on_ready=tell)
    print("stopped", flush=True)  # noqa: T201 - to the test


if __name__ == "__main__":
    main()
