"""A home: where everything of one installation lies, its settings and its lock."""

import fcntl
import os
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from warehouse.contacts import check_region
from warehouse.errors import ConfigurationError, WarehouseBusyError

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # a PyYAML that was built without libyaml
    from yaml import SafeLoader

MAX_CONFIG_BYTES = 1_000_000
MAX_CONFIG_DEPTH = 20

Model = TypeVar("Model", bound=BaseModel)


def _currency_code(code: str | None) -> str | None:
    """Write a currency's code in capitals; refuse what is none."""
    if code is None:
        return None
    if not re.fullmatch("[A-Za-z]{3}", code):
        raise ValueError(f"{code!r} is not the code of a currency, as EUR")
    return code.upper()


SegmentMethod = Literal["kmeans", "gaussian_mixture", "ward", "dbscan", "hdbscan"]
SEGMENT_METHODS = get_args(SegmentMethod)


class Settings(BaseModel):
    """What `settings.yml` may say, with the defaults that hold where it is silent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    session_timeout_minutes: int = Field(30, ge=1)
    longest_session_hours: int = Field(24, ge=1)
    engaged_gap_seconds: int = Field(60, ge=1)
    bot_events_per_minute: int = Field(60, ge=1)
    bot_events_per_day: int = Field(2000, ge=1)
    max_users_per_identifier: int = Field(10, ge=1)
    max_identifiers_per_person: int = Field(200, ge=2)
    match_similar_profiles: bool = True
    match_threshold: float = Field(0.95, ge=0.5, le=1)
    review_threshold: float = Field(0.5, ge=0.01, le=1)
    segment_methods: list[SegmentMethod] = Field(list(SEGMENT_METHODS), min_length=1)
    fewest_segments: int = Field(2, ge=2)
    most_segments: int = Field(10, ge=2, le=50)
    least_segment_share: float = Field(0.01, ge=0, le=0.5)
    segment_scaling: Literal["standard", "robust", "min_max"] = "standard"
    rfm_binning: Literal["quantile", "quantile_plus_one"] = "quantile"
    rules_min_support: float = Field(0.001, gt=0, le=1)
    rules_min_confidence: float = Field(0.2, ge=0, le=1)
    rules_max_items: Literal[2] = 2
    provisional_days: int = Field(7, ge=0, le=366)
    reporting_currency: Annotated[str | None, AfterValidator(_currency_code)] = None
    keep_snapshots: int = Field(7, ge=1)
    keep_monthly_snapshots: int = Field(12, ge=0)
    max_quarantined_share: float | None = Field(None, ge=0, le=1)
    phone_region: Annotated[str | None, AfterValidator(check_region)] = None
    memory_limit: str | None = Field(None, pattern=r"^\d+(\.\d+)? ?([KMGT]i?B|%)$")
    threads: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _fewest_below_most(self) -> "Settings":
        if self.fewest_segments > self.most_segments:
            raise ValueError(
                f"fewest_segments ({self.fewest_segments}) is above most_segments "
                f"({self.most_segments})"
            )
        return self

    @model_validator(mode="after")
    def _review_below_match(self) -> "Settings":
        if self.review_threshold > self.match_threshold:
            raise ValueError(
                f"review_threshold ({self.review_threshold}) is above match_threshold "
                f"({self.match_threshold})"
            )
        return self


@dataclass(frozen=True)
class Home:
    """The folders and files of one installation; see the contract for the layout."""

    root: Path
    inbox: Path

    @classmethod
    def at(cls, root: Path | str | None = None, inbox: Path | str | None = None):
        """Find the home: `root`, else ``$TESSERA_HOME``, else ``./data``."""
        chosen = Path(root or os.environ.get("TESSERA_HOME") or "data").absolute()
        return cls(chosen, Path(inbox).absolute() if inbox else chosen / "inbox")

    def refuse_missing(self) -> None:
        """Refuse a folder that is no home, lest a mistyped name become one.

        Raises
        ------
        ConfigurationError
            If nothing of a home is there.
        """
        parts = (self.warehouse, self.published, self.inbox)
        if not any(part.exists() for part in (*parts, self.root / "settings.yml")):
            raise ConfigurationError(
                f"there is no home at {self.root}; is it the right --home (or "
                "$TESSERA_HOME)? `tessera run` makes one"
            )

    @property
    def warehouse(self) -> Path:
        """The private folder of the pipeline (0700)."""
        return self.root / "warehouse"

    @property
    def work_database(self) -> Path:
        """The private DuckDB file (0600); analysts never open it."""
        return self.warehouse / "work.duckdb"

    @property
    def vault(self) -> Path:
        """The encrypted DuckDB file (0600) of what names or reaches a person."""
        return self.warehouse / "vault.duckdb"

    @property
    def next_vault(self) -> Path:
        """The vault that is written to take the place of the one there is."""
        return self.warehouse / "vault.duckdb.new"

    @property
    def spill(self) -> Path:
        """Where DuckDB puts what does not fit in memory."""
        return self.warehouse / "spill"

    @property
    def staged_files(self) -> Path:
        """Where the loader puts unpacked or cleaned copies of dumps, for a while."""
        return self.warehouse / "staged"

    @property
    def models(self) -> Path:
        """Where fitted models are kept."""
        return self.warehouse / "models"

    @property
    def dbt(self) -> Path:
        """Where dbt keeps its target and logs."""
        return self.warehouse / "dbt"

    @property
    def lock_file(self) -> Path:
        """The file whose lock says who writes."""
        return self.warehouse / "writer.lock"

    @property
    def secrets(self) -> Path:
        """Keys, made on first use (0700; files 0600)."""
        return self.root / "secrets"

    @property
    def published(self) -> Path:
        """What readers see."""
        return self.root / "published"

    @property
    def current(self) -> Path:
        """The symbolic link to the newest good snapshot."""
        return self.published / "current.duckdb"

    @cached_property
    def settings(self) -> Settings:
        """The settings of this home, read once.

        Raises
        ------
        ConfigurationError
            If `settings.yml` has an unknown name or a wrong type; it is named.
        """
        path = self.root / "settings.yml"
        if not path.exists():
            return Settings()
        return parse_config(Settings, read_yaml(path), path)

    def make_inbox(self) -> None:
        """Make the home and its inbox, where they are not there, for the owner to fill.

        Others may look, whatever the umask, but not put anything there.
        """
        for folder in (self.root, self.inbox):
            if not folder.exists():
                folder.mkdir(parents=True)
                folder.chmod(0o755)

    def make_private_folders(self) -> None:
        """Make the folders that only the pipeline reads, whatever the umask."""
        for folder in (self.warehouse, self.spill, self.models, self.dbt):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)


def read_yaml(path: Path) -> dict:
    """Read a small YAML mapping, with no tags, anchors or surprises.

    Raises
    ------
    ConfigurationError
        If the file is too large, uses aliases, is not YAML or is not a mapping.
    """
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ConfigurationError(f"{path}: larger than {MAX_CONFIG_BYTES:,} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        depth = 0
        for event in yaml.parse(text, Loader=SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ConfigurationError(
                    f"{path}: YAML aliases (*name) are not allowed"
                )
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_CONFIG_DEPTH:
                raise ConfigurationError(f"{path}: nested too deep")
        content = yaml.load(text, Loader=SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not readable as YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must hold names and values")
    return content


def parse_config(model: type[Model], content: dict, path: Path) -> Model:
    """Check `content` of `path` against `model`; say every mistake in one message."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, mistake['loc'])) or 'file'}: {mistake['msg']}"
            for mistake in error.errors()
        )
        raise ConfigurationError(f"{path}: {mistakes}") from error


_held: dict[Path, int] = {}

SECONDS_OF_PATIENCE = 2  # a look at the status takes the lock for a moment, too


@contextmanager
def writer_lock(home: Home) -> Generator[None]:
    """Hold the one lock that writers of `home` share; the kernel frees it on death.

    A process that holds it may take it again: stages lock for themselves, and a whole
    run locks around its stages.

    Raises
    ------
    WarehouseBusyError
        If another process holds it; the message names its pid.
    """
    path = home.lock_file
    if _held.get(path):
        _held[path] += 1
        try:
            yield
        finally:
            _held[path] -= 1
        return
    home.make_private_folders()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            _lock(descriptor)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            raise WarehouseBusyError(
                f"the warehouse at {home.root} is busy: process {holder} is writing; "
                "wait for it to end, or stop it, and run again"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        _held[path] = 1
        try:
            yield
        finally:
            _held[path] = 0
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take the lock; give up after a moment."""
    give_up_at = time.monotonic() + SECONDS_OF_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.1)
        else:
            return


def lock_holder(home: Home) -> int | None:
    """Tell the pid of the process that writes now, or None."""
    try:
        descriptor = os.open(home.lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(descriptor, 32, 0).decode().strip() or 0) or None
    finally:
        os.close(descriptor)
    return None
