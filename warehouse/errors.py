"""Failures that a user can act on; the command line turns each into an exit code."""


class TesseraError(Exception):
    """A stage failed for a reason that its message explains."""

    exit_code = 1


class ConfigurationError(TesseraError):
    """A setting, a source.yml or an option is wrong; the message names it."""

    exit_code = 2


class GateFailedError(TesseraError):
    """A check forbids to publish what was built; the message names it, and why."""


class WarehouseBusyError(TesseraError):
    """Another process holds the writer's lock; the message names its pid."""

    exit_code = 3
