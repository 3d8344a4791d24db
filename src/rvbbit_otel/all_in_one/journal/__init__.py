"""Requests on the disk from their answer until they are rows (ADR 25)."""

from rvbbit_otel.all_in_one.journal.journal import Entry as Entry
from rvbbit_otel.all_in_one.journal.journal import Journal as Journal
from rvbbit_otel.all_in_one.journal.records import DamagedRecordError as DamagedRecordError
from rvbbit_otel.all_in_one.journal.writer import JournalWriter as JournalWriter
from rvbbit_otel.all_in_one.syncing import Sync as Sync
