"""The rights that docs/how-to/run-on-a-real-shop.md lists are enough, for each version of OpenCart."""

from __future__ import annotations

from pathlib import Path

import pytest
from app.tests.docs.pages import DOCS, blocks
from app.tests.opencart.conftest import MakeWorld
from app.tests.opencart.mariadb import MariaDB
from pydantic import SecretStr
from sqlalchemy import make_url

from meschain.entrypoints.doctor import examine
from meschain.opencart.schema import Version
from meschain.settings import LoadedSettings, Settings

GUIDE = DOCS / "how-to" / "run-on-a-real-shop.md"
SECRET = SecretStr("k3H8-vQz1_pXw7Lm9Rt2Yb5Nc4Jd6Gf0Ss")


def statements() -> tuple[list[str], list[str], list[str]]:
    """Those for every shop, those for 4.x, those for the old extension."""
    every, only_4, extension = [
        [line for line in each.text.splitlines() if line] for each in blocks(GUIDE) if each.language == "sql"
    ]
    return every, only_4, extension


@pytest.mark.parametrize("version", list(Version), ids=str)
async def test_the_listed_rights_are_enough(
    make_world: MakeWorld, mariadb: MariaDB, tmp_path: Path, version: Version
) -> None:
    world = await make_world("mariadb", version)
    await world.history(await world.order(1, "12.50"), 1)
    database = make_url(world.url).database
    user = f"guide_{version.replace('.', '_')}"
    there = {name for (name,) in await world.rows("SHOW TABLES")}
    every, only_4, extension = statements()
    present = [each for each in extension if each.split(".")[1].split()[0] in there]
    assert present
    for statement in [*every, *(only_4 if version.is_4 else ()), *present]:
        await world.run(statement.replace("shop.", f"{database}.").replace("'meschain'", f"'{user}'"))
    url = mariadb.url(str(database), user=user, password="<password>")
    settings = Settings(data_dir=tmp_path, port=0, opencart_url=SecretStr(url), secret=SECRET)
    findings = {each.topic: each for each in await examine(LoadedSettings(settings)) if each.topic.startswith("shop")}
    assert {each.verdict for each in findings.values()} == {"ok"}, findings
    assert f"OpenCart {version}," in findings["shop version"].text
    shop = world.shop(url=url)
    figures = await shop.figures()
    assert figures.daily_transactions.source != "none"
    assert (await shop.sales_history(1)).sales[0].orders == 1
    assert list((await shop.stock_outlook()).short) == []
    panel = (await shop.marketplace_figures(["n11"]))["n11"]
    assert (panel.sources["ordersToday"], panel.sources["listings"]) != ("none", "none")
