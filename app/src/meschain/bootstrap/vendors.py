"""The table of vendors: one `Marketplace` for each store of the settings, by the vendor's word in its address."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from meschain.marketplaces.amazon.api import AmazonApi
from meschain.marketplaces.amazon.notifications import AmazonNotifications
from meschain.marketplaces.ebay.api import EbayApi
from meschain.marketplaces.ebay.keys import EbayKeys
from meschain.marketplaces.ebay.notifications import EbayNotifications
from meschain.marketplaces.ebay.platform_notifications import EbayPlatformNotifications
from meschain.marketplaces.etsy.api import EtsyApi
from meschain.marketplaces.etsy.notifications import EtsyNotifications
from meschain.marketplaces.hepsiburada.api import HepsiburadaApi
from meschain.marketplaces.hepsiburada.notifications import HepsiburadaNotifications
from meschain.marketplaces.n11.notifications import N11Notifications
from meschain.marketplaces.ozon.api import OzonApi
from meschain.marketplaces.ozon.notifications import OzonNotifications
from meschain.marketplaces.trendyol.api import TrendyolApi
from meschain.marketplaces.trendyol.notifications import TrendyolNotifications
from meschain.services.ports import Clock
from meschain.services.webhook_ports import Marketplace
from meschain.settings import Settings

Address = tuple[str, str]
"""Vendor and store, as in `/webhooks/<vendor>/<store>`."""


def make_vendors(settings: Settings, http: aiohttp.ClientSession, clock: Clock) -> Mapping[Address, Marketplace]:
    """Every store of the settings. A vendor adds its loop here, its settings model to `settings.py`, and no more.

    Args:
        http: of the whole application; for clients of the vendors' APIs.
    """
    vendors: dict[Address, Marketplace] = {}
    for name, ebay in settings.ebay_stores.items():
        ebay_api = EbayApi(ebay, http, clock)
        vendors["ebay", name] = EbayNotifications(ebay, EbayKeys(ebay_api.public_key, clock), ebay_api)
    for name, soap in settings.ebay_soap_stores.items():
        vendors["ebay-soap", name] = EbayPlatformNotifications(soap, EbayApi(soap, http, clock), clock)
    for name, etsy in settings.etsy_stores.items():
        vendors["etsy", name] = EtsyNotifications(etsy, EtsyApi(etsy, http, clock), clock)
    for name, ozon in settings.ozon_stores.items():
        vendors["ozon", name] = OzonNotifications(ozon, OzonApi(ozon, http), clock)
    for name, trendyol in settings.trendyol_stores.items():
        vendors["trendyol", name] = TrendyolNotifications(trendyol, TrendyolApi(trendyol, http))
    for name, hepsiburada in settings.hepsiburada_stores.items():
        vendors["hepsiburada", name] = HepsiburadaNotifications(hepsiburada, HepsiburadaApi(hepsiburada, http), clock)
    for name, amazon in settings.amazon_stores.items():
        vendors["amazon", name] = AmazonNotifications(amazon, AmazonApi(amazon, http, clock))
    for name in settings.n11_stores:
        vendors["n11", name] = N11Notifications()
    return vendors
