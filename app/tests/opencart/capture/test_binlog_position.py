"""Places in a binary log."""

from __future__ import annotations

import pytest

from meschain.opencart.capture.binlog_position import BinlogPosition

GTIDS = BinlogPosition.of_transactions("0-1-5, 1-2-9")
FILE = BinlogPosition(file="log.000009", offset=400)


@pytest.mark.parametrize("position", [GTIDS, FILE, BinlogPosition()], ids=str)
def test_as_text_it_can_be_kept(position: BinlogPosition) -> None:
    assert BinlogPosition.parse(str(position)) == position


@pytest.mark.parametrize("text", ["", "x", "file 4", "gtid x", "file log:x"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"position|invalid"):
        BinlogPosition.parse(text)


def test_a_transaction_moves_its_domain_alone() -> None:
    moved = GTIDS.after("0-3-6")
    assert moved.gtids == "0-3-6,1-2-9"
    assert moved.covers(GTIDS)
    assert not GTIDS.covers(moved)
    assert not GTIDS.covers(GTIDS.after("4-1-1"))
    assert GTIDS.covers(BinlogPosition())


def test_files_are_compared_by_their_numbers() -> None:
    assert BinlogPosition("log.000010", 4).covers(FILE)
    assert FILE.covers(FILE)
    assert not FILE.covers(BinlogPosition("log.000009", 401))
