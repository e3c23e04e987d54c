"""n11's API as far as we ask it: the seller's packages, those that changed last first. Facts: the vendor's page of
`GetShipmentPackages`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import aiohttp
import msgspec

from meschain.marketplaces.vendor_http import VendorHttp
from meschain.services.webhook_ports import VendorUnavailable
from meschain.vendor_settings.n11 import N11Store

PAGE_SIZE: Final = 100
"""The vendor's largest."""


@dataclass(frozen=True, slots=True)
class N11Page:
    """One page of packages."""

    packages: Sequence[bytes]
    """Each as n11 wrote it."""
    is_last: bool


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    content: list[msgspec.Raw] = []
    total_pages: int = 0


class N11Api:
    """Reads one seller's packages."""

    def __init__(self, settings: N11Store, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = VendorHttp("n11", session)

    async def page(self, begin: datetime, number: int) -> N11Page:
        """The packages of the month behind a moment, `number` counted from 0. Raises: VendorUnavailable."""
        query = {
            # Without an end it is a month. Others who ask n11 disagree whether an end is told in UTC, and one that is
            # three hours early would leave the newest out.
            "startDate": int(begin.timestamp() * 1000),
            "page": number,
            "size": PAGE_SIZE,
            "orderByDirection": "DESC",
        }
        headers = {
            "appkey": self._settings.app_key.get_secret_value(),
            "appsecret": self._settings.app_secret.get_secret_value(),
        }
        url = f"{self._settings.api_url}/rest/delivery/v1/shipmentPackages?{urlencode(query)}"
        answer = await self._http.get(url, headers, _Answer)
        if answer is None:
            raise VendorUnavailable("n11 knows no address for packages; look at api_url")
        return N11Page([bytes(raw) for raw in answer.content], not answer.content or number + 1 >= answer.total_pages)
