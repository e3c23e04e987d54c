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
    forget_seconds: float = 60.0
    """Between two looks for audiences that left. One that is remembered too long costs a question per dashboard."""


@dataclass(frozen=True, slots=True)
class AnalyticsOptions:
    months: int = 12
    """Answered when nobody asks for another number: a year."""
    most_months: int = 36
    """Three years side by side; read only when somebody asks for more than a year."""
    shop_timeout_seconds: float = 15.0
    """One question to the shop; as long as its database may work on a statement of ours."""
    rest_factor: float = 20.0
    """A reading is kept for so many times as long as it took: the shop's database works on it at most a twentieth of
    the time, however many look."""
    shortest_seconds: float = 1.0
    """A reading is kept at least so long: a crowd that hears of one order costs one reading."""
    longest_seconds: float = 60.0
    """A reading is kept at most so long: by then somebody wonders where the order is."""
    products: int = 50
    """Shown of those that run out; who has more has another problem than finding them."""


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
    page: int = 100
    """Alerts shown at once, unless somebody asks for more."""
    largest_page: int = 500
    longest_silence_minutes: int = 7 * 24 * 60
    """A week; a rule that is to be silent for longer is better switched off in the settings."""
    reason_characters: int = 200
    """One line."""


@dataclass(frozen=True, slots=True)
class AlertWatchOptions:
    """Of the rules over figures."""

    interval_seconds: float = 10.0
    """Between two looks: three within the shortest time after which a rule raises its alert."""
    again_seconds: float = 300.0
    """After a rule raised an alert until it raises the next: one that comes and goes makes twelve an hour at most."""
    figure_timeout_seconds: float = 10.0
    """For one figure; one that takes longer cannot be read now."""
    database_timeout_seconds: float = 5.0
    """For one row of the shop's database; one that takes longer is away. Below the one above."""
    stock_seconds: float = 60.0
    """How long the count of products short of stock is good for: it reads all of them."""
    untold: int = 100
    """Changes told in one look that could not be told when they happened."""


@dataclass(frozen=True, slots=True)
class AlertOutboxOptions:
    """Of the alerts that leave by mail and webhook."""

    waiting: int = 1_000
    """Messages stored at once; what is raised above it stands in the book and does not leave."""
    first_pause_seconds: float = 5.0
    """After a failure; doubled with each."""
    longest_pause_seconds: float = 900.0
    """Between two attempts: a server that is back hears within a quarter of an hour."""
    give_up_hours: float = 24.0
    """A message that old is dropped: whoever should have come is there by now."""
    poll_seconds: float = 5.0
    """Between two looks for what another process stored."""
    mails_apart_seconds: float = 60.0
    """Between two mails; what is raised meanwhile shares the next one."""
    alerts_per_mail: int = 50
    """Together; the rest is in the next one."""


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
    """Syncs at once in each process; more only compete for the shop's database."""
    poll_seconds: float = 1.0
    """Between two looks for queued jobs that another process stored."""
    progress_seconds: float = 0.25
    """Between two progress events of a job: four a second move a bar smoothly."""
    step_timeout_seconds: float = 300.0
    """A runner that says nothing for so long has hung."""
    restart_within_seconds: float = 3600.0
    """A job that was cut off is begun again if it is younger than this, and failed if it is older."""
    attempts: int = 3
    """Begins of a job whose process is lost each time; it may be the job that kills them. A stop costs none."""
    message_characters: int = 500
    """Fits the job's column and an alert."""
    page: int = 100
    """Jobs shown at once."""
    largest_page: int = 500
    shortest_schedule_minutes: int = 1
    """Between two syncs of a schedule; a sync takes minutes, and those that come too early join the one that runs."""
    longest_schedule_minutes: int = 7 * 24 * 60
    """A week."""
    schedule_poll_seconds: float = 1.0
    """Between two looks for schedules that are due."""
    largest_count: int = 1_000_000_000
    """Of items in a report; what is higher is a mistake, and would not fit the columns."""


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    first_pause_seconds: float = 0.5
    """Before an interrupted source is opened again; doubled each time."""
    longest_pause_seconds: float = 15.0
    """The same, at most."""
    retry_seconds: float = 300.0
    """How long the next source is used before one that is not possible is tried again: somebody may mend a server's
    settings while we run."""
    shown: int = 50
    """Activities of a batch that are kept for the list of recent ones, the newest; it shows ten."""


@dataclass(frozen=True, slots=True)
class EventOptions:
    window_seconds: float = 0.05
    """From the begin of one telling to the next, at most: what is stored meanwhile is told together. 50 ms: nobody sees
    it, and a thousand changes a second are twenty frames to each page."""
    telling_share: float = 0.25
    """Of the time that telling takes in a burst, at most: where few hear of an event, less is waited than the window,
    and where it comes to many the window is full before the share is."""
    mark_seconds: float = 0.25
    """Between two notes of how far it was told, at least. A process that is killed tells what came since again."""
    batch: int = 500
    """Events told together at most; with more waiting the next follow at once."""
    poll_seconds: float = 0.5
    """Between two looks for events whose storing nobody told of."""
    attempts: int = 8
    """Of telling a batch that fails for reasons of its own; with the pauses below some 45 s, far more than
    `LeaseOptions.unable_looks` take. While clients cannot be reached no event is given up."""
    first_pause_seconds: float = 0.5
    """Before the second attempt; doubled each time."""
    longest_pause_seconds: float = 15.0
    """Between two attempts."""
    replay: int = 500
    """Events replayed by one call; some 250 KB, a quarter of what may wait for a slow reader (`outbox_limit_bytes`)."""
    replay_scan: int = 5_000
    """Events looked through for them, of all groups; some 50 ms of the database."""


@dataclass(frozen=True, slots=True)
class PresenceOptions:
    write_seconds: float = 0.5
    """Between two writes of who came and left, where this process holds the connections: a crowd is few writes."""
    active_seconds: float = 15.0
    """Between two writes of when connections were last active; and so long may what pages show of it lag behind."""
    compare_seconds: float = 60.0
    """Between two looks whether what is written of this process's connections is so."""
    node_seconds: float = 60.0
    """A process that has not said for so long that it lives holds no connections any more."""
    tell_seconds: float = 1.0
    """Between two looks for who came and who left."""
    grace_seconds: float = 45.0
    """Somebody without a connection has left only after so long. 45 s: a page that is loaded anew, a restart, and the
    stock client's four attempts to connect again, the last after 42 s, are no coming and going."""
    told_at_once: int = 100
    """Comings and goings told by one look; the next look goes on."""
    people_shown: int = 500
    """In one answer; some 200 KB."""
    connections_shown: int = 20
    """Of one person, in the same answer: more open pages than a person has."""
    idle_hours: float = 24.0
    """A connection on which nobody called anything for so long is closed, and may come again; 0: never."""
    idle_interval_seconds: float = 60.0
    """Between two looks for idle ones."""
    idle_closed: int = 50
    """Closed by one look: they come again at once, and that has to be no crowd."""


@dataclass(frozen=True, slots=True)
class AuditOptions:
    page: int = 100
    """Entries in one answer, where nothing is said."""
    largest_page: int = 500
    failures_per_minute: int = 2
    """Failed log-ins that each process writes down; beyond it they are counted, so that guessing does not push out
    what is worth reading. 2: a year of nothing else is the million rows that are kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long and how many rows of a table are kept; what is still needed stays whatever these say."""

    days: float
    rows: int


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    interval_seconds: float = 3600.0
    """Between two rounds of deleting: an hour's rows at most are there too many."""
    pause_seconds: float = 0.05
    """Between two steps of deleting, each of a thousand rows at most, so that others get to write: SQLite has one
    writer at a time."""
    alerts: Kept = Kept(90, 100_000)
    """A quarter, to look back at."""
    activity: Kept = Kept(30, 100_000)
    """The page shows ten rows; a month is for questions."""
    audit: Kept = Kept(365, 1_000_000)
    """A year, as auditors ask; a million rows have some 300 MB."""
    notifications: Kept = Kept(30, 100_000)
    """Acknowledged ones; pending ones stay for a year."""
    sync_jobs: Kept = Kept(90, 100_000)
    """Finished jobs; the newest of each marketplace stays."""
    webhooks: Kept = Kept(35, 500_000)
    """What marketplaces sent, and what is known of it: their longest repeats come after a day, and a month of keys is
    what the rules for receivers ask. Some gigabytes at the usual two kilobytes each, or 50 days at 10,000 a day."""
    events: Kept = Kept(1, 1_000_000)
    """Events that were told: who was away for longer gets the current figures instead. A day: until next morning; half
    a gigabyte or so, a day at 12 events a second."""
    connections: Kept = Kept(1, 1_000_000)
    """Connections that have ended: no event of a service comes later than that."""
    publications: Kept = Kept(1, 1_000_000)
    """Answers by idempotency key, as long as the ids of events are known."""
    legacy_use: Kept = Kept(90, 100_000)
    """Who used an old dialect last: a quarter without anybody is proof enough to switch it off."""
    rollout_counts: Kept = Kept(1, 1_000_000)
    """What happened on each side of a roll-out; guards look back some seconds, people until yesterday."""


@dataclass(frozen=True, slots=True)
class PublishingOptions:
    most_events: int = 100
    """In one request; a hundred orders are some 40 KB, within the limit of a body."""


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    seconds: float = 6.0
    """Life of the lease after each renewal. 6 s, and 2 s until the next look of another: taken over within 10 s."""
    renew_seconds: float = 2.0
    """Between two renewals, and between two looks of those that wait; two of them may fail."""
    unable_looks: int = 2
    """Looks one after the other at which the holder is not able to do the work, until it stops it: after 2 to 4 s. One
    is no reason: a link that breaks is back at once as a rule, and what is stopped has to begin anew."""
    stop_seconds: float = 1.5
    """The work is stopped so long before the lease may be taken by another: cancelling it needs a moment."""
    release_seconds: float = 2.0
    """How long giving it back may take; a database that is away does not hold up a stop."""


@dataclass(frozen=True, slots=True)
class InboxOptions:
    """Of the inbox of what marketplaces send."""

    waiting_requests: int = 2_000
    """Requests that wait to be stored; above it 503, and the vendor comes again. Each may hold a body of 1 MiB, the
    usual one has two kilobytes."""
    stored_at_once: int = 200
    """Requests in one transaction: those that came while the one before was written."""
    store_hits: int = 10_000
    """Authentic requests of one store within the window below; above it 503, and the vendor comes again."""
    store_window_seconds: float = 10.0
    """Together a thousand a second: above what one machine works through, far above what a shop gets."""
    batch: int = 100
    """Deliveries worked on together: one look at what was told, one write of the events."""
    parallel_reads: int = 8
    """Deliveries of one marketplace that ask the vendor at once; the vendors allow some ten requests a second."""
    translate_timeout_seconds: float = 30.0
    """For one delivery, the vendor's answers included; a vendor that hangs holds up only its own."""
    attempts: int = 15
    """Until a delivery goes to the dead letters; with the pauses below, after some six hours on average."""
    first_pause_seconds: float = 5.0
    """The longest pause before the second attempt, doubled with each; the real one is random between 0 and it, so that
    what failed together does not come back together."""
    longest_pause_seconds: float = 3 * 3600.0
    """Between two attempts."""
    poll_seconds: float = 1.0
    """Between two looks for what another process stored."""
    failure_pause_seconds: float = 2.0
    """After a round in which our own database or the shop's failed."""
    silence_hours: float = 6.0
    """A store that sent nothing for so long while the shop has newer orders of its marketplace raises an alert."""
    silence_grace_hours: float = 1.0
    """An order is newer than the last request only from then on: the shop's own program imports what was sent later."""
    silence_interval_seconds: float = 600.0
    """Between two looks for stores that are silent."""
    page: int = 50
    """Deliveries shown at once."""
    largest_page: int = 200
    shown_body_bytes: int = 65_536
    """Of a body that a person looks at."""


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """Of what moves open connections from one side to the other."""

    moved_share: float = 0.9
    """Of the clients that green takes in a second, those that are moved; the rest is for who comes by itself."""
    step_seconds: float = 0.1
    """Between two steps: each tells a tenth of a second's connections, so that no side meets them all at once."""
    under_way_seconds: float = 0.2
    """So many seconds' connections may be moving to green at the same time. With more than come through they would only
    wait for each other, some beyond their deadline, and what is told meanwhile waits with them."""
    back_under_way_seconds: float = 0.4
    """The same to blue, after a roll-back. It is to be soon, and costs green's service no groups."""
    settle_seconds: float = 3.0
    """Who is still there so long after it was told does not count as moving: clients that do not know the word stay."""
    look_seconds: float = 1.0
    """Between two looks for connections on the wrong side while there are any that were told."""
    idle_seconds: float = 5.0
    """The same while all are where they belong, and while some have still to be told."""
    retry_seconds: float = 1.0
    """After some could not be told or closed, before those of their hub and side are tried again."""
    deadline_seconds: float = 10.0
    """How long a client may take to move by itself before its connection is closed, as the settings say."""
    page: int = 1_000
    """Connections read at once."""


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """Of what holds a roll-out or rolls it back. Levels are how much worse green does than blue."""

    look_seconds: float = 1.0
    """Between two looks."""
    looks: int = 2
    """At which a figure has to stand above its level: one second more, and no hiccup decides."""
    window_seconds: float = 5.0
    """What a look sees. With two looks and the time to arrive, a fault is acted on within ten seconds."""
    arrival_seconds: float = 3.0
    """How long a client that was sent to a side may take to be connected there."""
    probe_seconds: float = 0.5
    """Between two probes of each side."""
    probe_timeout_seconds: float = 3.0
    """Within which a probe has to be through."""
    parallel_probes: int = 6
    """Of one side, while it hangs."""
    most_probes: int = 64
    """Remembered of each side; more than the window has."""
    least_probes: int = 4
    """In the window, for a word on them."""
    least_clients: int = 10
    """The same, of clients that were sent to a side."""
    least_calls: int = 20
    """The same, of calls or sends."""
    hold_connects: float = 10.0
    """Percentage points."""
    rollback_connects: float = 25.0
    """Percentage points; half of what half a broken side shows."""
    hold_errors: float = 5.0
    """Percentage points."""
    rollback_errors: float = 20.0
    """Percentage points."""
    hold_latency_ms: float = 1_000.0
    """Milliseconds: people notice, and a machine that is busy for a moment is not there yet."""
    rollback_latency_ms: float = 2_500.0
    """Milliseconds; above 3 s a probe has failed."""
