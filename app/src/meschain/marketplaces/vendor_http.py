"""Asks vendors' APIs: one request with a time limit, a size limit and no redirects, its answer read into a type.

Knows no vendor. Texts of errors name the vendor and a status; they hold no address, token or content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import aiohttp
import msgspec

from meschain.services.webhook_ports import VendorUnavailable

_NOT_FOUND: Final = 404

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class VendorHttpOptions:
    """How long and how large an answer may be."""

    timeout_seconds: float = 10.0
    """For one request; the inbox gives a delivery 30 s for all of them."""
    maximum_answer_bytes: int = 4 * 1024 * 1024
    """An order with hundreds of lines is a tenth of it."""


class VendorHttp:
    """Requests to one vendor.

    Args:
        name: of the vendor, for texts.
        session: of the whole application; its owner closes it.
    """

    def __init__(self, name: str, session: aiohttp.ClientSession, options: VendorHttpOptions | None = None) -> None:
        self._name = name
        self._session = session
        self._options = options or VendorHttpOptions()

    async def get(self, url: str, headers: Mapping[str, str], type_: type[Answer]) -> Answer | None:
        """The answer; None: 404. Raises: VendorUnavailable for every other one that is not 2xx."""
        return await self._ask("GET", url, headers, type_, None)

    async def post_json(
        self, url: str, content: object, headers: Mapping[str, str], type_: type[Answer]
    ) -> Answer | None:
        """The same, with a JSON body."""
        headers = {**headers, "content-type": "application/json"}
        return await self._ask("POST", url, headers, type_, msgspec.json.encode(content))

    async def post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str], type_: type[Answer]
    ) -> Answer | None:
        """The same, with a form."""
        return await self._ask("POST", url, headers, type_, aiohttp.FormData(dict(form)))

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        type_: type[Answer],
        data: bytes | aiohttp.FormData | None,
    ) -> Answer | None:
        try:
            # A redirect would carry our token to an address that nobody configured.
            async with self._session.request(
                method,
                url,
                headers=dict(headers),
                data=data,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._options.timeout_seconds),
            ) as answer:
                if answer.status == _NOT_FOUND:
                    return None
                if not 200 <= answer.status < 300:
                    raise VendorUnavailable(f"{self._name} answers with status {answer.status}")
                content = await self._read(answer)
        except TimeoutError:
            raise VendorUnavailable(
                f"{self._name} did not answer within {self._options.timeout_seconds:g} seconds"
            ) from None
        except aiohttp.ClientError as error:
            raise VendorUnavailable(f"{self._name} cannot be reached ({type(error).__name__})") from None
        try:
            return msgspec.json.decode(content, type=type_, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise VendorUnavailable(f"{self._name} answers what cannot be read ({type(error).__name__})") from None

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for part in answer.content.iter_any():
            content += part
            if len(content) > self._options.maximum_answer_bytes:
                raise VendorUnavailable(
                    f"{self._name} answers more than {self._options.maximum_answer_bytes} bytes to one question"
                )
        return bytes(content)
