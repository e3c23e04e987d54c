"""Settings of stores at vendors: what is secret in them stays hidden, whatever shows them."""

from __future__ import annotations

from typing import Any

import pytest

from meschain.settings import STORES, LoadedSettings, Settings, SettingsError, load_settings

HIDDEN = "xyzzy-0123456789-0123456789-0123456789"
STORES_OF: dict[str, dict[str, Any]] = {
    "trendyol_stores": {
        "seller_id": 1,
        "webhook_username": "shop",
        "webhook_password": HIDDEN,
        "previous_webhook_password": HIDDEN,
        "webhook_api_key": HIDDEN,
        "previous_webhook_api_key": HIDDEN,
        "api_key": HIDDEN,
        "api_secret": HIDDEN,
    },
    "hepsiburada_stores": {
        "merchant_id": "m",
        "webhook_username": "shop",
        "webhook_password": HIDDEN,
        "previous_webhook_password": HIDDEN,
        "api_password": HIDDEN,
        "api_user_agent": "shop_dev",
    },
    "amazon_stores": {
        "seller_id": "A0",
        "queue_url": "https://sqs.eu-west-1.amazonaws.com/1/q",
        "queue_region": "eu-west-1",
        "access_key_id": "AKIA",
        "secret_access_key": HIDDEN,
        "client_id": "client",
        "client_secret": HIDDEN,
        "refresh_token": HIDDEN,
    },
    "n11_stores": {"app_key": HIDDEN, "app_secret": HIDDEN},
}


@pytest.mark.parametrize("name", STORES_OF)
def test_no_secret_of_a_store_is_shown(name: str) -> None:
    settings = Settings.model_validate({name: {"main": STORES_OF[name]}})
    assert HIDDEN not in repr(settings)
    assert HIDDEN not in str(LoadedSettings(settings).effective())


@pytest.mark.parametrize("name", STORES_OF)
def test_a_store_is_named_like_a_part_of_an_address(name: str) -> None:
    with pytest.raises(SettingsError, match="no name of a store"):
        load_settings(None, {name: {"two words": STORES_OF[name]}})


@pytest.mark.parametrize("name", STORES_OF)
def test_a_field_that_there_is_not_is_refused_without_its_value(name: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(None, {name: {"main": {**STORES_OF[name], "sercet": HIDDEN}}})
    assert "sercet" in str(raised.value)
    assert HIDDEN not in str(raised.value)


def test_all_of_them_may_be_given_entry_by_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(STORES_OF) <= set(STORES)
    monkeypatch.setenv("MESCHAIN_N11_STORES__MAIN__APP_KEY", "key")
    monkeypatch.setenv("MESCHAIN_N11_STORES__MAIN__APP_SECRET", "secret")
    # The environment's names are folded, a store's as well.
    assert list(load_settings().settings.n11_stores) == ["main"]
