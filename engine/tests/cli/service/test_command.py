"""`hubwire service` as its operators run it: processes, files, signals, addresses."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from engine.tests.brokers.redis_server import redis_server
from engine.tests.client.certificate import write_certificate

from hubwire.azure.connection_string import ConnectionString
from hubwire.azure.rest_tokens import RestTokens
from hubwire.cli import main
from hubwire.cli.service.command import LISTENING, _service
from hubwire.cli.service.key_file import make_key_file
from hubwire.cli.service.options import add_options, read_settings
from hubwire.testing import FakeClock

HUBWIRE = [sys.executable, "-m", "hubwire.cli", "service"]
TIMEOUT_SECONDS = 60


class Running:
    """The command, once it serves."""

    def __init__(self, process: subprocess.Popen[str], url: str, connection_string: str) -> None:
        self.process = process
        self.url = url
        self.connection_string = connection_string

    def until_logged(self, text: str) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if text in line:
                return
        raise AssertionError(f"{text!r} is not in the log")

    def send(self, key: str) -> int:
        """The status of a broadcast whose token this key has signed."""
        path = "/api/hubs/chat/:send"
        token, _ = RestTokens([key], [self.url]).sign(path)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        address = f"{self.url}{path}?api-version=2022-06-01"
        request = urllib.request.Request(address, b'{"target":"a"}', headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@contextmanager
def running(folder: Path, *arguments: str, port: str = "0") -> Iterator[Running]:
    with subprocess.Popen(
        [*HUBWIRE, "--port", port, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            assert line.startswith(LISTENING), process.stderr.read()
            yield Running(process, line.removeprefix(LISTENING).strip(), process.stdout.readline().strip())
        finally:
            process.terminate()
            process.stderr.read()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What it says when it does not start."""
    assert main(["service", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


def keys_in(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def test_it_makes_keys_and_shows_the_first_one_once(tmp_path: Path) -> None:
    path = tmp_path / "hubwire-service.keys"
    with running(tmp_path) as service:
        keys = keys_in(path)
        assert len(keys) == 2
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        connection = ConnectionString.parse(service.connection_string)
        assert (connection.endpoint, connection.access_key) == (service.url, keys[0])
        assert [service.send(key) for key in keys] == [202, 202]
    with running(tmp_path) as service:
        assert keys[0] not in service.connection_string
        assert str(path.name) in service.connection_string
        assert service.send(keys[0]) == 202


@pytest.mark.parametrize("is_told", [False, True])
def test_keys_are_rotated_while_it_runs(tmp_path: Path, is_told: bool) -> None:
    path = tmp_path / "hubwire-service.keys"
    with running(tmp_path) as service:
        first, second = keys_in(path)
        third = "third-" + "t" * 40
        path.write_text(f"{second}\n{third}\n", encoding="utf-8")
        if is_told:
            service.process.send_signal(signal.SIGHUP)
        service.until_logged("was read again")
        assert [service.send(key) for key in (first, second, third)] == [401, 202, 202]
        path.write_text("short\n", encoding="utf-8")
        service.until_logged("was not taken")
        assert service.send(third) == 202


async def test_a_key_that_changes_while_the_service_starts_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    add_options(parser)
    settings = read_settings(parser.parse_args([]))
    make_key_file(settings.access_key_file)
    service = _service(settings, 80)
    service.clock = clock = FakeClock()
    taken: list[Sequence[str]] = []
    monkeypatch.setattr(service, "replace_keys", taken.append)
    settings.access_key_file.write_text("k" * 40, encoding="utf-8")
    async with service.around():
        await clock.until_sleeping()
        clock.advance(60)
        await asyncio.sleep(0)
        assert [list(keys) for keys in taken] == [["k" * 40]]


def test_a_file_of_keys_that_others_may_read_counts_once_they_may_not(tmp_path: Path) -> None:
    path = tmp_path / "hubwire-service.keys"
    with running(tmp_path) as service:
        first, second = keys_in(path)
        new = tmp_path / "new.keys"
        new.write_text(f"{second}\n", encoding="utf-8")
        new.chmod(0o644)
        new.rename(path)
        service.until_logged("chmod 600")
        assert service.send(first) == 202
        path.chmod(0o600)
        service.until_logged("was read again")
        assert [service.send(key) for key in (first, second)] == [401, 202]


def test_what_it_does_not_start_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = tmp_path / "open"
    keys.write_text("k" * 40, encoding="utf-8")
    keys.chmod(0o644)
    assert "chmod 600" in refused(capsys, "--access-key-file", str(keys))
    keys.chmod(0o600)
    keys.write_text("short", encoding="utf-8")
    said = refused(capsys, "--access-key-file", str(keys))
    assert "32 bytes" in said
    assert "short" not in said.replace("a short", "")
    settings = tmp_path / "settings.json"
    settings.write_text('{"UpstreamSettings":{"Templates":[{"UrlTemplate":"nowhere"}]}}', encoding="utf-8")
    assert "absolute http(s) address" in refused(capsys, "--settings", str(settings))
    assert "cannot be read" in refused(capsys, "--settings", str(tmp_path / "none.json"))
    assert "absolute http(s) address" in refused(capsys, "--upstream", "nowhere")
    assert "one of them" in refused(capsys, "--upstream", "http://a/", "--settings", str(settings))
    assert "--redis-url" in refused(capsys, "--workers", "2")
    assert "leave --data out" in refused(capsys, "--redis-url", "redis://127.0.0.1:1", "--data", "a.db")
    assert "Redis cannot be read" in refused(capsys, "--redis-url", "nonsense")
    assert "namespace" in refused(capsys, "--redis-url", "redis://127.0.0.1:1", "--namespace", "a b")
    assert "from 1" in refused(capsys, "--redis-url", "redis://127.0.0.1:1", "--maximum-hubs", "0")
    pem = tmp_path / "no.pem"
    for content in (None, "no certificate"):
        if content is not None:
            pem.write_text(content, encoding="utf-8")
        assert "cannot be used" in refused(capsys, "--certificate", str(pem), "--private-key", str(pem))
    assert "go together" in refused(capsys, "--certificate", "a.pem")
    assert "no base address" in refused(capsys, "--public-url", "rt.example.com")
    assert "0 to 65535" in refused(capsys, "--port", "70000")
    assert "log-level" in refused(capsys, "--log-level", "loud")
    assert "scheme, host and port" in refused(capsys, "--allowed-origin", "https://a.example/")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot be listened on" in refused(capsys, "--port", str(taken.getsockname()[1]))
    config = tmp_path / "service.toml"
    config.write_text("prot = 1\n", encoding="utf-8")
    assert "did you mean port?" in refused(capsys, "--config", str(config))


@pytest.mark.parametrize("away", [("--data", "no/folder/a.db"), ("--redis-url", "redis://:secret@127.0.0.1:1")])
def test_it_does_not_start_without_its_store(tmp_path: Path, away: tuple[str, ...]) -> None:
    command = [*HUBWIRE, "--port", "0", *away]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "The store is not available" in ended.stderr
    assert "secret" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_options_may_stand_in_a_file(tmp_path: Path) -> None:
    config = tmp_path / "service.toml"
    config.write_text('access_key_file = "my.keys"\npublic_url = "https://rt.example.com"\n', encoding="utf-8")
    with running(tmp_path, "--config", str(config)) as service:
        assert service.url == "https://rt.example.com"
        assert service.connection_string.startswith("Endpoint=https://rt.example.com;AccessKey=")
        assert (tmp_path / "my.keys").exists()


def test_it_serves_tls(tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path / "server.pem")
    with running(tmp_path, "--certificate", str(certificate), "--private-key", str(certificate)) as service:
        assert service.url.startswith("https://127.0.0.1:")


def test_several_processes_act_as_one_and_read_keys_again(tmp_path: Path) -> None:
    path = tmp_path / "hubwire-service.keys"

    async def serve() -> None:
        async with redis_server() as redis:
            await asyncio.to_thread(_check_workers, tmp_path, path, redis.url)

    asyncio.run(serve())


def _check_workers(folder: Path, path: Path, redis_url: str) -> None:
    with running(folder, "--redis-url", redis_url, "--workers", "2") as service:
        first, second = keys_in(path)
        assert {service.send(first) for _ in range(10)} == {202}
        third = "third-" + "t" * 40
        path.write_text(f"{second}\n{third}\n", encoding="utf-8")
        for _ in range(2):
            service.until_logged("was read again")
        assert {service.send(first) for _ in range(10)} == {401}
        assert {service.send(third) for _ in range(10)} == {202}
        service.process.send_signal(signal.SIGHUP)  # ends nothing
        assert service.send(third) == 202


def test_the_emulators_settings_are_read_unchanged(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    template = {
        "UrlTemplate": "http://localhost:7071/runtime/webhooks/signalr",
        "EventPattern": "*",
        "HubPattern": "*",
        "CategoryPattern": "*",
    }
    settings.write_text(json.dumps({"UpstreamSettings": {"Templates": [template]}}), encoding="utf-8")
    with running(tmp_path, "--settings", str(settings)) as service:
        settings.write_text("{", encoding="utf-8")
        service.until_logged("was not taken")
        settings.write_text(json.dumps({"UpstreamSettings": {"Templates": []}}), encoding="utf-8")
        service.until_logged("was read again")
