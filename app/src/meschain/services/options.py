"""Limits and intervals of the services, each with its unit and its reason. `settings` may replace some at start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DashboardOptions:
    interval_seconds: float = 5.0
    """Between two dashboards when nothing happens: the product's contract."""
    coalesce_seconds: float = 0.25
    """A refresh waits so long for more of its burst; an order is on the figures well within a second."""
    shop_timeout_seconds: float = 5.0
    """One read of the shop; a database that hangs may not stop the page."""
    fresh_seconds: float = 1.0
    """A dashboard read so recently is given to whoever asks next, so that a crowd that connects costs one read."""


@dataclass(frozen=True, slots=True)
class HealthOptions:
    interval_seconds: float = 30.0
    """Between two rounds of probes: the health check of the product's contract."""
    probe_timeout_seconds: float = 10.0
    """One probe, above the probe's own limit; a guard against one that has none."""
    database_slow_seconds: float = 0.25
    """A one-row query that takes longer is a warning; it takes a millisecond on a healthy server."""


@dataclass(frozen=True, slots=True)
class AlertOptions:
    message_characters: int = 500
    """Fits a banner and its table column."""
    source_characters: int = 100
    """A person's name."""


@dataclass(frozen=True, slots=True)
class NotificationOptions:
    message_characters: int = 1000
    """A paragraph; more belongs on a page."""
    title_characters: int = 120
    """One line."""
    user_id_characters: int = 190
    """The column's width, which MySQL can index in utf8mb4."""
    default_duration_milliseconds: int = 5000
    """The original client's own default."""
    longest_duration_milliseconds: int = 600_000
    """Ten minutes; for longer there is `persistent`."""
    retry_grace_seconds: float = 2.0
    """The timer leaves younger notifications alone: their sender, or the user's connect, is delivering them."""
    retry_users: int = 100
    """Users looked at per tick; the next tick goes on behind them."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    parallel_jobs: int = 4
    """Marketplaces synced at once; more only compete for the shop's database."""
    poll_seconds: float = 1.0
    """Between two looks for queued jobs that another process stored."""
    progress_seconds: float = 0.25
    """Between two progress events of a job: four a second move a bar smoothly."""
    step_timeout_seconds: float = 300.0
    """A runner that says nothing for so long has hung."""
    restart_within_seconds: float = 3600.0
    """A job cut off by a stop is queued again if it is younger than this, and failed if it is older."""
    message_characters: int = 500
    """Fits the job's column and an alert."""
    largest_count: int = 1_000_000_000
    """Of items in a report; what is higher is a mistake, and would not fit the columns."""


@dataclass(frozen=True, slots=True)
class OrderOptions:
    attempts: int = 8
    """Of announcing one order; with the pauses below about a minute, so that a restart of a broker is survived."""
    first_pause_seconds: float = 0.5
    """Before the second attempt; doubled each time."""
    longest_pause_seconds: float = 15.0
    """Between two attempts, and before an interrupted source is opened again."""


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    interval_seconds: float = 6 * 3600.0
    """Between two rounds of deleting; the tables grow slowly."""
    alert_days: int = 90
    """A quarter, to look back at."""
    activity_days: int = 30
    """The page shows ten rows; a month is for questions."""
    audit_days: int = 365
    """A year, as auditors ask."""
    notification_days: int = 30
    """Pending or not: what nobody read in a month is no news."""
    sync_job_days: int = 90
    """Finished jobs; the newest of each marketplace stays."""
