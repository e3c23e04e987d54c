"""Options that make no sense are refused where they are made; the text names option and value and says what to do."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from hubwire.options import (
    AzureHubsOptions,
    AzureOptions,
    BrokerOptions,
    ClusterOptions,
    ConnectionOptions,
    HubOptions,
    PropertyNames,
    ServerOptions,
    UpstreamOptions,
)

ALL = (
    ServerOptions,
    ConnectionOptions,
    HubOptions,
    ClusterOptions,
    BrokerOptions,
    AzureOptions,
    UpstreamOptions,
    AzureHubsOptions,
)
SECONDS = [(cls, field.name) for cls in ALL for field in dataclasses.fields(cls) if field.name.endswith("_seconds")]
NUMBERS = [
    (cls, field.name)
    for cls in ALL
    for field in dataclasses.fields(cls)
    if str(field.type).startswith("int") and field.name not in ("minimum_negotiate_version", "retries")
]
SWITCHES = [(cls, field.name) for cls in ALL for field in dataclasses.fields(cls) if field.type == "bool"]


@pytest.mark.parametrize("cls", ALL)
def test_the_defaults_are_accepted(cls: Any) -> None:
    cls()


@pytest.mark.parametrize("value", [-1, -0.5, math.inf, math.nan, True, "15"])
@pytest.mark.parametrize(("cls", "name"), SECONDS)
def test_a_time_is_a_finite_number_of_seconds(cls: Any, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{cls.__name__}\.{name} is {value!r}: give a finite number of seconds"):
        cls(**{name: value})


@pytest.mark.parametrize(("cls", "name"), SECONDS)
def test_no_time_may_be_zero_but_that_of_the_drain(cls: Any, name: str) -> None:
    if name == "drain_seconds":
        assert ServerOptions(drain_seconds=0).drain_seconds == 0
        return
    with pytest.raises(ValueError, match=rf"^{cls.__name__}\.{name} is 0: give a finite number of seconds above 0\.$"):
        cls(**{name: 0})


@pytest.mark.parametrize("value", [-1, 1.5, True, "3"])
def test_a_count_of_retries_is_a_whole_number_from_zero(value: Any) -> None:
    assert AzureOptions(retries=0).retries == 0
    with pytest.raises(ValueError, match=rf"^AzureOptions\.retries is {value!r}: give a whole number from 0"):
        AzureOptions(retries=value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "10"])
@pytest.mark.parametrize(("cls", "name"), NUMBERS)
def test_a_size_or_count_is_a_whole_number_from_one(cls: Any, name: str, value: object) -> None:
    unit = " of bytes" if name.endswith("_bytes") else ""
    with pytest.raises(ValueError, match=rf"^{cls.__name__}\.{name} is {value!r}: give a whole number{unit} from 1"):
        cls(**{name: value})


@pytest.mark.parametrize(
    "name", ["maximum_receive_message_bytes", "maximum_parallel_invocations", "maximum_streams", "stream_buffer_items"]
)
def test_the_checks_of_numbers_reach_inherited_and_own_options(name: str) -> None:
    assert (HubOptions, name) in NUMBERS
    assert (HubOptions, "outbox_limit_bytes") in NUMBERS
    assert (HubOptions, "poll_timeout_seconds") in SECONDS


def test_a_limit_that_may_be_absent_says_so() -> None:
    assert HubOptions(maximum_receive_message_bytes=None).maximum_receive_message_bytes is None
    with pytest.raises(ValueError, match="from 1, or None for no limit"):
        ServerOptions(maximum_connections=0)
    with pytest.raises(ValueError, match=r"outbox_limit_bytes is None: give a whole number of bytes from 1\.$"):
        HubOptions(outbox_limit_bytes=None)  # type: ignore[arg-type] # what the check is for


@pytest.mark.parametrize(("cls", "name"), SWITCHES)
def test_a_switch_takes_no_text_that_would_count_as_true(cls: Any, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is 'false': give True or False"):
        cls(**{name: "false"})


@pytest.mark.parametrize("value", [-1, 2, 1.0, True, None])
def test_the_lowest_negotiate_version_is_0_or_1(value: Any) -> None:
    assert ConnectionOptions(minimum_negotiate_version=1).minimum_negotiate_version == 1
    with pytest.raises(ValueError, match=f"minimum_negotiate_version is {value!r}: give"):
        HubOptions(minimum_negotiate_version=value)


@pytest.mark.parametrize(
    "value", [frozenset(), frozenset({"WebSockets", "Carrier pigeons"}), frozenset({"websockets"})]
)
def test_transports_are_known_and_not_none_at_all(value: frozenset[str]) -> None:
    with pytest.raises(
        ValueError, match=r"transports is \[.*\]: give one or more of LongPolling, ServerSentEvents, Web"
    ):
        ConnectionOptions(transports=value)


@pytest.mark.parametrize("value", [frozenset(), frozenset({"json", "xml"}), frozenset({"MessagePack"})])
def test_protocols_are_known_and_not_none_at_all(value: frozenset[str]) -> None:
    with pytest.raises(ValueError, match=r"protocols is \[.*\]: give one or more of json, messagepack\."):
        HubOptions(protocols=value)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (HubOptions, "transports"),
        (HubOptions, "protocols"),
        (ServerOptions, "allowed_origins"),
        (ServerOptions, "allowed_hosts"),
        (ServerOptions, "trusted_proxies"),
        (ServerOptions, "trusted_networks"),
    ],
)
def test_one_text_is_not_taken_for_a_collection_of_letters(cls: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 'json': give a collection of texts"):
        cls(**{name: "json"})


@pytest.mark.parametrize("collection", [set, list, tuple])
def test_any_collection_of_names_becomes_a_set_that_cannot_change(collection: Any) -> None:
    options = HubOptions(protocols=collection(("json",)), transports=collection(("WebSockets",)))
    assert repr(options.protocols) == "frozenset({'json'})"
    assert repr(options.transports) == "frozenset({'WebSockets'})"


def test_property_names_are_a_member_of_the_enumeration() -> None:
    assert HubOptions(property_names=PropertyNames.CAMEL_CASE).property_names is PropertyNames.CAMEL_CASE
    with pytest.raises(ValueError, match="property_names is 'camelCase': give a member of PropertyNames"):
        HubOptions(property_names="camelCase")  # type: ignore[arg-type] # what the check is for


@pytest.mark.parametrize(("keep_alive", "timeout"), [(30, 30), (40, 30), (15, 10)])
def test_clients_are_not_given_up_between_two_pings_of_the_server(keep_alive: float, timeout: float) -> None:
    assert HubOptions(keep_alive_seconds=1, client_timeout_seconds=2).client_timeout_seconds == 2
    with pytest.raises(ValueError, match=rf"client_timeout_seconds is {timeout}: give more than keep_alive_seconds \("):
        HubOptions(keep_alive_seconds=keep_alive, client_timeout_seconds=timeout)


def test_a_hub_that_nobody_could_speak_to_is_refused() -> None:
    text_only = frozenset({"ServerSentEvents"})
    assert ConnectionOptions(transports=text_only).transports == text_only
    with pytest.raises(ValueError, match="add json, for ServerSentEvents carries only text"):
        HubOptions(transports=text_only, protocols=frozenset({"messagepack"}))


@pytest.mark.parametrize("origin", ["null", "https://admin.example", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_origins_as_browsers_send_them_are_accepted(origin: str) -> None:
    assert ServerOptions(allowed_origins=frozenset({origin})).allowed_origins == frozenset({origin})


@pytest.mark.parametrize(
    "origin", ["*", "", "admin.example", "https://admin.example/", "https://Admin.example", "https://a.example/page"]
)
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(
        ValueError, match=r"allowed_origins is \['.*'\]: write '.*' as browsers send it: scheme, host and"
    ):
        ServerOptions(allowed_origins=frozenset({origin}))


@pytest.mark.parametrize("host", ["", "https://shop.example", "shop.example/page"])
def test_a_host_is_a_name_alone(host: str) -> None:
    ServerOptions(allowed_hosts=frozenset({"shop.example:8000"}))
    with pytest.raises(ValueError, match="as a host name without scheme and path"):
        ServerOptions(allowed_hosts=frozenset({host}))


@pytest.mark.parametrize("proxy", ["proxy.internal", "10.0.0.0/40", ""])
def test_a_proxy_is_an_address_or_a_network(proxy: str) -> None:
    assert ServerOptions(trusted_proxies=("10.0.0.1/8", "::1")).trusted_proxies == ("10.0.0.1/8", "::1")
    with pytest.raises(ValueError, match=r"trusted_proxies is \(.*\): write '.*' as an address or a network"):
        ServerOptions(trusted_proxies=("127.0.0.1", proxy))


@pytest.mark.parametrize("network", ["the office", "10.0.0.0/40"])
def test_a_trusted_network_is_one(network: str) -> None:
    assert ServerOptions(trusted_networks=()).trusted_networks == ()
    with pytest.raises(ValueError, match=r"trusted_networks is \(.*\): write '.*' as an address or a network"):
        ServerOptions(trusted_networks=("127.0.0.1", network))


def test_a_burst_of_messages_is_not_shorter_than_the_timer_can_tell() -> None:
    assert HubOptions(message_burst_seconds=1).message_burst_seconds == 1
    with pytest.raises(ValueError, match=r"message_burst_seconds is 0\.5: give at least 1 second"):
        HubOptions(message_burst_seconds=0.5)


@pytest.mark.parametrize("name", ["messages_per_second", "user_messages_per_second"])
def test_rates_of_messages_may_be_absent(name: str) -> None:
    assert getattr(HubOptions(**{name: None}), name) is None  # type: ignore[arg-type] # of either


def test_limits_of_newcomers_may_be_absent() -> None:
    for name in ("maximum_connections_per_address", "address_connects_per_second", "maximum_lateness_seconds"):
        assert getattr(ServerOptions(**{name: None}), name) is None  # type: ignore[arg-type] # of any of them


def test_the_client_path_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="client_path is 'client': let it begin with a slash"):
        ServerOptions(client_path="client")


def test_a_changed_copy_is_checked_too() -> None:
    with pytest.raises(ValueError, match="keep_alive_seconds is 0"):
        dataclasses.replace(HubOptions(), keep_alive_seconds=0)


@pytest.mark.parametrize("namespace", ["", "a:b", "a b", "a*", "ö", "a\n"])
def test_a_namespace_is_part_of_subjects(namespace: str) -> None:
    assert ClusterOptions(namespace="Shop-1.live_a").namespace == "Shop-1.live_a"
    with pytest.raises(ValueError, match=r"namespace is .*: give letters, digits, dots, dashes and underscores"):
        ClusterOptions(namespace=namespace)


def test_nodes_are_not_given_up_between_two_announcements() -> None:
    with pytest.raises(ValueError, match=r"node_timeout_seconds is 2: give more than announce_seconds \(3\)"):
        ClusterOptions(announce_seconds=3, node_timeout_seconds=2)
