"""Many requests at once: none lost, none mixed up."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading

import pytest

from tests.support.server import is_running, wait_until

SOURCE = """
import json


def handler(event, context):
    return json.loads(event)["rawPath"]
"""


def run_clients(server, *, clients, requests):
    """Send requests on kept connections; return what came of each: ``{path: (status, body)}``."""
    answers = {}

    def run(client):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for number in range(requests):
            path = f"/{client}-{number}"
            connection.request("GET", path)
            response = connection.getresponse()
            answers[path] = (response.status, response.read().decode())
        connection.close()

    threads = [threading.Thread(target=run, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    return threads, answers


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.parametrize("instances", ["1", "3"])
def test_none_is_lost_or_mixed_up(serve, instances):
    server = serve(SOURCE, "index:handler", "--instances", instances)
    server.wait_for("^the inspector shows each request on ")  # from then on it has its sockets
    before = descriptors(server.process.pid)
    threads, answers = run_clients(server, clients=8, requests=50)
    for thread in threads:
        thread.join()
    assert answers == {path: (200, path) for path in answers}
    assert len(answers) == 400
    # An instance may still be starting when the others have answered everything: it counts as soon as it has a process.
    wait_until(lambda: descriptors(server.process.pid) <= before + 3 * (len(server.workers()) - 1))
    workers = server.workers()
    assert len(workers) <= int(instances)
    server.stop()
    assert not any(map(is_running, workers))


def test_kill_of_an_instance_loses_one_request_at_most(serve):
    server = serve(SOURCE, "index:handler", "--instances", "2")
    threads, answers = run_clients(server, clients=8, requests=60)
    killed = 0
    for share in (100, 200, 300):
        wait_until(lambda share=share: len(answers) >= share)
        for worker in server.workers()[:1]:
            with contextlib.suppress(ProcessLookupError):  # it was the one before, which is gone now
                os.kill(worker, signal.SIGKILL)
                killed += 1
    for thread in threads:
        thread.join()
    assert killed > 0
    lost = [path for path, (status, _) in answers.items() if status == 502]
    assert len(answers) == 480
    assert len(lost) <= killed
    assert all(answer == (200, path) for path, answer in answers.items() if path not in lost)
