"""Places in a server's binary log: MariaDB's by global transaction ids, MySQL's by file and offset. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class BinlogPosition:
    """Everything before it was read. As text it is what a cursor holds."""

    file: str = ""
    """Empty: by transaction ids."""
    offset: int = 0
    transactions: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """The last `domain-server-sequence` of each domain."""

    @classmethod
    def of_transactions(cls, text: str) -> BinlogPosition:
        """What `@@gtid_binlog_pos` says; empty: before the first one."""
        ids = [each.strip() for each in text.split(",") if each.strip()]
        return cls(transactions={int(each.partition("-")[0]): each for each in ids})

    @classmethod
    def parse(cls, text: str) -> BinlogPosition:
        """Raises: ValueError when it is no position."""
        kind, _, rest = text.partition(" ")
        if kind == "gtid":
            return cls.of_transactions(rest)
        file, _, offset = rest.rpartition(":")
        if kind != "file" or not file:
            raise ValueError(f"{text!r} is no position of a binary log")
        return cls(file=file, offset=int(offset))

    def __str__(self) -> str:
        return f"file {self.file}:{self.offset}" if self.file else f"gtid {self.gtids}"

    @property
    def gtids(self) -> str:
        """As the server takes them."""
        return ",".join(self.transactions[domain] for domain in sorted(self.transactions))

    def after(self, gtid: str) -> BinlogPosition:
        """Behind that transaction."""
        return BinlogPosition(transactions={**self.transactions, int(gtid.partition("-")[0]): gtid})

    def covers(self, other: BinlogPosition) -> bool:
        """Whether nothing lies between the other and this one, where this one is not before it."""
        if other.file or self.file:
            return (_number(self.file), self.offset) >= (_number(other.file), other.offset)
        return all(
            domain in self.transactions and _sequence(self.transactions[domain]) >= _sequence(gtid)
            for domain, gtid in other.transactions.items()
        )


def _number(file: str) -> int:
    ending = file.rpartition(".")[2]
    return int(ending) if ending.isdigit() else 0


def _sequence(gtid: str) -> int:
    return int(gtid.rpartition("-")[2])
