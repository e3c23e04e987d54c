"""One instance: opened once by whoever comes first, opened again after a failure, at work only once it is told to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import gettempdir

import pytest
from app.tests.functions_host.site import settings_behind_a_service, somebody_works

from meschain.bootstrap import DEMO_PEOPLE
from meschain.entrypoints.functions.instance import Instance, InstanceUnavailable, settings_of_environment
from meschain.settings import Settings, SettingsError


async def test_calls_that_come_together_get_one_application(data_dir: Path) -> None:
    loads: list[Settings] = []

    def load() -> Settings:
        loads.append(settings_behind_a_service(data_dir))
        return loads[-1]

    instance = Instance(load)
    applications = await asyncio.gather(*(instance.application() for _ in range(5)))
    try:
        assert len(loads) == 1
        assert all(application is applications[0] for application in applications)
        assert await instance.application() is applications[0]
    finally:
        await instance.close()


async def test_a_call_that_is_given_up_takes_the_application_from_nobody(data_dir: Path) -> None:
    instance = Instance(lambda: settings_behind_a_service(data_dir))
    impatient = asyncio.create_task(instance.application())
    await asyncio.sleep(0)
    impatient.cancel()
    try:
        assert (await instance.application()).demo_shop is not None
    finally:
        await instance.close()


async def test_settings_that_cannot_be_used_fail_the_call_and_the_next_one_tries_again(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    def load() -> Settings:
        attempts.append(1)
        if len(attempts) == 1:
            raise SettingsError(["There is no setting meschain_pasword."])
        return settings_behind_a_service(data_dir)

    instance = Instance(load)
    with pytest.raises(InstanceUnavailable) as failure:
        await instance.application()
    assert "There is no setting meschain_pasword." in caplog.text
    assert "meschain_pasword" not in str(failure.value)
    try:
        assert (await instance.application()).demo_shop is not None
    finally:
        await instance.close()


async def test_a_function_holds_no_connections_so_a_service_is_asked_for(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    instance = Instance(lambda: Settings(data_dir=data_dir))
    with pytest.raises(InstanceUnavailable):
        await instance.application()
    assert "set MESCHAIN_AZURE_SIGNALR" in caplog.text
    await instance.close()


async def test_only_an_instance_that_is_told_to_does_the_work_of_one_for_all(data_dir: Path) -> None:
    instance = Instance(lambda: settings_behind_a_service(data_dir), leave_out=frozenset({DEMO_PEOPLE}))
    try:
        application = await instance.application()
        assert not application.lease.is_held
        await instance.begin_work()
        await instance.begin_work()  # as each call of the timer does
        await somebody_works(application.lease)
    finally:
        await instance.close()
    assert not application.lease.holder


async def test_the_work_goes_to_another_instance_when_this_one_ends(data_dir: Path) -> None:
    first, second = (
        Instance(lambda: settings_behind_a_service(data_dir), leave_out=frozenset({DEMO_PEOPLE})) for _ in range(2)
    )
    try:
        for instance in (first, second):
            await instance.begin_work()
        one, other = await first.application(), await second.application()
        await somebody_works(one.lease, other.lease)
        holder, waiting = (first, other) if one.lease.is_held else (second, one)
        assert not waiting.lease.is_held
        await holder.close()
        await somebody_works(waiting.lease)
    finally:
        await first.close()
        await second.close()


def test_settings_come_from_the_environment_and_files_go_where_azure_lets_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MESCHAIN_PUBLIC_URL", "https://shop.example.com")
    settings = settings_of_environment()
    assert settings.public_url == "https://shop.example.com"
    assert settings.data_dir == Path(gettempdir()) / "meschain"
    monkeypatch.setenv("MESCHAIN_DATA_DIR", str(tmp_path))
    assert settings_of_environment().data_dir == tmp_path
