"""Every error this package raises on purpose. Each says what was wrong, where, and what to do."""

from __future__ import annotations


class RvbbitOtelError(Exception):
    """The base of all of them: catch this to catch ours and nothing else."""


class InvalidIdError(RvbbitOtelError, ValueError):
    """A caller id or a session id that breaks its format."""


class ConfigurationError(RvbbitOtelError, ValueError):
    """A setting that is unknown or has a value it can't have; the message names the setting."""


class SpecError(RvbbitOtelError, ValueError):
    """A RunnerSpec that does not say what it must."""


class StoreError(RvbbitOtelError):
    """The store could not do what it was asked; the driver's own error is its cause."""


class StoreUnavailableError(StoreError):
    """The store could not be reached, or is too busy: worth trying again."""


class SchemaError(StoreError):
    """The store's schema is newer than this package, or was changed by hand."""


class StoreLockedError(StoreError):
    """Another process owns this data folder."""


class StoreCorruptError(StoreError):
    """The data folder could not be opened as a store."""
