"""From the command line and the file to a scenario, and what is answered when that makes no sense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hubwire.cli.bench.options import OPTIONS, Outputs, read_options
from hubwire.cli.bench.scenario import Call, Load, Scenario
from hubwire.cli.bench.target import Tokens, address_of, shown_url
from hubwire.cli.command import parser
from hubwire.cli.failures import UsageFailed

URL = "http://127.0.0.1:8000/bench"
CONNECTION_STRING = "Endpoint=http://localhost;Port=8888;AccessKey=0123456789abcdef0123456789abcdef;Version=1.0;"


def read(*arguments: str) -> tuple[Scenario, Outputs]:
    return read_options(parser().parse_args(["bench", *arguments]))


def scenario(*arguments: str) -> Scenario:
    return read(URL, *arguments)[0]


def test_an_address_is_enough() -> None:
    assert read(URL) == (Scenario(URL), Outputs())


def test_everything_can_be_said_on_the_command_line(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("one\n\ntwo\n three \n", encoding="utf-8")
    page = tmp_path / "report.html"
    given, outputs = read(
        URL, "--connections=3", "--ramp=2.5", "--load=group", "--groups=2", "--senders=2", "--rate", "0.5", "--size=64",
        "--duration=1m", "--warmup=500ms", "--drain=2", "--processes=2", "--transport=websockets,longpolling",
        "--protocol", "messagepack", "--token-file", str(tokens),
        "--header", "X-Tenant: blue", "--header=X-User: {user}",
        "--limit=lost==0", "--limit", "latency.p99 < 50ms", "--method=Say", "--arguments", '["{group}", 1]',
        "--target=Said,Heard", "--no-reconnect", "--html", str(page), "--quiet",
    )  # fmt: skip
    assert (given.connections, given.ramp, given.load, given.groups, given.senders) == (3, 2.5, Load.GROUP, 2, 2)
    assert (given.rate, given.size, given.duration, given.warmup, given.drain) == (0.5, 64, 60.0, 0.5, 2.0)
    assert given.ways == (("WebSockets", "messagepack"), ("LongPolling", "messagepack"))
    assert given.call == Call("Say", ["{group}", 1])
    assert given.targets == ("Said", "Heard")
    assert given.tokens == ("one", "two", "three")
    assert given.headers == ("X-Tenant: blue", "X-User: {user}")
    assert [limit.text for limit in given.limits] == ["lost==0", "latency.p99<50ms"]
    assert given.reconnect is False
    assert outputs == Outputs(html=page, is_quiet=True)


def test_a_file_says_the_same_and_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "load.toml"
    file.write_text(
        f'url = "{URL}"\nload = "echo"\nconnections = 20\nrate = 0.5\nduration = "2m"\nlimit = ["lost==0"]\n'
        'transport = ["websockets", "sse"]\narguments = ["{text}", 3]\nskip_negotiation = false\n',
        encoding="utf-8",
    )
    given, _ = read("--config", str(file), "--connections", "5")
    assert (given.url, given.load, given.connections, given.rate, given.duration) == (URL, Load.ECHO, 5, 0.5, 120.0)
    assert given.transports == ("websockets", "sse")
    assert given.call == Call("Echo", ["{text}", 3])
    assert [limit.text for limit in given.limits] == ["lost==0"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("conections = 3", "there is no option 'conections'; did you mean connections?"),
        ("zzz = 3", "see hubwire bench --help"),
        ("connections = ", "is no TOML"),
        ("connections = true", "give a number"),
        ("connections = 1.5", "give a whole number"),
        ("rate = nan", "give a number"),
        ("quiet = 1", "give true or false"),
        ("duration = true", "give a number"),
        ("arguments = 3", "is no array"),
        ("url = 3", "give a text"),
        ("transport = [1]", "give a text"),
    ],
)
def test_a_file_that_makes_no_sense_is_answered_with_what_to_do(tmp_path: Path, text: str, answer: str) -> None:
    file = tmp_path / "load.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageFailed) as failed:
        read("--config", str(file), URL)
    assert answer in str(failed.value)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], "There is no address"),
        (["ftp://somewhere/hub"], "is no address of a hub"),
        (["nowhere"], "is no address of a hub"),
        ([URL, "--connections=0"], "give a number from 1 to 1,000,000"),
        ([URL, "--connections=ten"], "--connections is 'ten'; give a number"),
        ([URL, "--duration=10x"], "give a duration like 30s, 500ms, 2m or 1h"),
        ([URL, "--duration=2d"], "give a duration like"),
        ([URL, "--duration=100h"], "--duration is 360000; give a number from 0.1"),
        ([URL, "--size=8"], "--size is 8; give a number from 31"),
        ([URL, "--senders=101"], "--senders is 101"),
        ([URL, "--processes=101"], "leave some without any; give --processes 100 or less"),
        ([URL, "--load=shout"], "give one of echo, broadcast"),
        ([URL, "--load=group", "--groups=200"], "--groups is 200"),
        ([URL, "--transport=pigeon"], "--transport is 'pigeon'; give one or more of longpolling, sse, websockets"),
        ([URL, "--transport=,"], "--transport names nothing"),
        ([URL, "--protocol=xml"], "--protocol is 'xml'; give one or more of json, messagepack"),
        ([URL, "--transport=sse", "--protocol=messagepack"], "carry text only"),
        ([URL, "--transport=sse", "--skip-negotiation"], "only be skipped with WebSockets"),
        ([URL, "--arguments=[1"], "is no JSON"),
        ([URL, "--arguments={}"], "is no array"),
        ([URL, "--access-token="], "give a text"),
        ([URL, "--access-token=@/nowhere/at/all"], "cannot be read"),
        ([URL, "--token-file=/nowhere/at/all"], "cannot be read"),
        ([URL, "--header=X-Nothing"], "has no value"),
        ([URL, "--header=X: a\r\nY: b"], "has no value"),
        ([URL, "--load=user"], "Nobody is a user yet"),
        ([URL, "--hub=chat"], "--hub goes with --connection-string"),
        (["--connection-string=Endpoint=http://x", "--hub=chat"], "has no Endpoint"),
        (["--connection-string", CONNECTION_STRING], "needs to know the hub"),
        (["--connection-string", CONNECTION_STRING, "--hub=a-b"], "give no address"),
        (["--connection-string", CONNECTION_STRING, "--hub=ab", "--access-token=x"], "Tokens come from one place"),
        ([URL, "--json=/nowhere/at/all.json"], "cannot be written"),
        ([URL, "--limit=lost"], "compares nothing"),
        ([URL, "--config=/nowhere/at/all.toml"], "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_answered_with_what_to_do(arguments: list[str], answer: str) -> None:
    with pytest.raises(UsageFailed) as failed:
        read(*arguments)
    assert answer in str(failed.value)


def test_too_few_tokens_are_noticed_at_the_start(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(UsageFailed, match="has 2 tokens for 100 connections; add some, or give --connections 2"):
        scenario("--token-file", str(tokens))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "load.toml"
    with file.open("wb") as stream:
        stream.truncate(64 * 1024 * 1024 + 1)
    with pytest.raises(UsageFailed, match="is larger than"):
        read("--config", str(file))


@pytest.mark.parametrize(
    ("arguments", "senders"),
    [
        ([], 1),
        (["--load=echo"], 100),
        (["--load=stream"], 100),
        (["--load=group", "--groups=7"], 7),
        (["--load=user", "--header=X-User: {user}"], 100),
        (["--load=idle"], 0),
        (["--load=echo", "--senders=3"], 3),
    ],
)
def test_who_sends_unless_told_otherwise(arguments: list[str], senders: int) -> None:
    assert scenario(*arguments).sender_count == senders


def test_transports_and_protocols_are_taken_in_turn_without_binary_events() -> None:
    given = scenario("--transport=websockets,sse,longpolling", "--protocol=json,messagepack")
    assert given.ways == (
        ("WebSockets", "json"),
        ("WebSockets", "messagepack"),
        ("ServerSentEvents", "json"),
        ("LongPolling", "json"),
        ("LongPolling", "messagepack"),
    )


def test_a_connection_string_gives_the_address_and_signs_for_each_user(tmp_path: Path) -> None:
    import jwt

    secret = tmp_path / "azure.txt"
    secret.write_text(f"{CONNECTION_STRING}\n", encoding="utf-8")
    given, _ = read("--connection-string", f"@{secret}", "--hub", "Chat", "--load=user", "--users=2")
    assert given.url == "http://localhost:8888/client/?hub=chat"
    tokens = Tokens(given)
    claims = [
        jwt.decode(tokens.of(index) or "", "0123456789abcdef0123456789abcdef", ["HS256"], audience=given.url)
        for index in range(3)
    ]
    assert [claim["asrs.s.uid"] for claim in claims] == ["user-1", "user-2", "user-1"]
    assert CONNECTION_STRING not in repr(given)


def test_a_short_key_is_refused() -> None:
    given, _ = read("--connection-string=Endpoint=http://x;AccessKey=short", "--hub=chat")
    with pytest.raises(UsageFailed, match="cannot be used"):
        Tokens(given)


def test_an_address_beside_the_connection_string_wins() -> None:
    assert address_of("http://proxy/client/?hub=chat", CONNECTION_STRING, "chat") == "http://proxy/client/?hub=chat"


def test_reports_show_no_secret_of_an_address() -> None:
    assert (
        shown_url("https://ann:pw@host/hub?hub=chat&access_token=abc")
        == "https://host/hub?hub=chat&access_token=%E2%80%A6"
    )


def test_every_option_has_a_help_text_and_a_flag_of_its_own() -> None:
    assert all(option.help for option in OPTIONS.values())
    assert len({option.flag for option in OPTIONS.values()}) == len(OPTIONS)


def test_options_that_are_json_are_json() -> None:
    assert json.loads(json.dumps(scenario("--arguments", '["{text}", {"a": [1]}]').arguments)) == ["{text}", {"a": [1]}]
