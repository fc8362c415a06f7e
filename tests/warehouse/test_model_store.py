"""A model's file is opened if it is what the registry says, else the last that is."""

import os
import pickle
from pathlib import Path

import duckdb
import pytest

from ml.errors import ModelRefusedError
from ml.models import from_bytes
from warehouse import model_store
from warehouse.checks import findings, record_refused_models
from warehouse.home import Home
from warehouse.model_store import keep_model, model_path, open_last_good, read_model
from warehouse.raw_tables import create_tables


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    home.make_private_folders()
    return home


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    create_tables(connection)
    return connection


def serve(connection, version: str) -> None:
    connection.execute(
        "insert into previous.user_segments (user_id, model_version) "
        "values ('ann', $1), ('bob', $1)",
        [version],
    )


def register(connection, home: Home, number: int, version: str, content: bytes) -> Path:
    """Keep a model, and publish that the run of this number has fitted it."""
    sha256 = keep_model(home, version, content)
    connection.execute(
        "insert into previous.segment_models (run_id, model_version, sha256) "
        "values (?, ?, ?)",
        [f"run_{number:06d}", version, sha256],
    )
    return model_path(home, version, sha256)


def open_fake(content: bytes) -> str:
    """Open what says that it is a model of this version."""
    if not content.startswith(b"model "):
        raise ModelRefusedError("the model is of scikit-learn 1.0.0; this is 1.9.1")
    return content.decode()


def test_a_model_is_read_as_it_was_kept_and_by_its_owner_alone(home: Home):
    sha256 = keep_model(home, "k5-abc", b"model")

    assert read_model(home, "k5-abc", sha256) == b"model"
    (path,) = home.models.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert sha256[:12] in path.name


def test_what_a_killed_run_left_is_no_obstacle(home: Home):
    (home.models / ".model.partial").symlink_to(home.root / "elsewhere")

    keep_model(home, "k5-abc", b"model")

    assert not (home.root / "elsewhere").exists()


def corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def replace_with_its_seal(path: Path) -> None:
    """Put a model of one's own there, and its hash beside it."""
    from hashlib import sha256

    path.write_bytes(b"model of mine")
    for name in (path.with_suffix(".sha256"), path.parent / "k5-new.sha256"):
        name.write_text(sha256(b"model of mine").hexdigest())
    (path.parent / "k5-new.skops").write_bytes(b"model of mine")


def replace_by_link(path: Path) -> None:
    aside = path.rename(path.with_suffix(".aside"))
    path.symlink_to(aside)


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_large(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(model_store.MOST_BYTES + 1)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (corrupt, "the bytes of its file are not those that were kept"),
        (replace_with_its_seal, "the bytes of its file are not those that were kept"),
        (Path.unlink, "is missing"),
        (replace_by_link, "is no regular file"),
        (replace_by_pipe, "is no regular file"),
        (replace_by_folder, "is no regular file"),
        (make_large, "has more than 50,000,000 bytes"),
        (lambda path: path.write_bytes(b""), "are not those that were kept"),
    ],
)
def test_a_file_that_is_not_what_was_published_is_refused_and_the_last_good_serves(
    home: Home, connection, harm, told: str
):
    register(connection, home, 1, "k4-old", b"model old")
    harm(register(connection, home, 2, "k5-new", b"model new"))
    serve(connection, "k5-new")

    opened, refusals = open_last_good(home, connection, open_fake)

    assert opened == "model old"
    assert len(refusals) == 1
    assert refusals[0].startswith("model k5-new, fitted by run_000002, is refused: ")
    assert refusals[0].endswith(told)


def test_a_model_that_does_not_open_is_refused_and_the_last_good_serves(
    home: Home, connection
):
    register(connection, home, 1, "k4-old", b"model old")
    register(connection, home, 2, "k5-new", b"of another version")
    serve(connection, "k5-new")

    opened, refusals = open_last_good(home, connection, open_fake)

    assert opened == "model old"
    assert refusals == [
        "model k5-new, fitted by run_000002, is refused: the model is of "
        "scikit-learn 1.0.0; this is 1.9.1"
    ]


class Canary:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_not_opened_not_even_one_that_is_registered(home: Home, connection):
    foreign = pickle.dumps(Canary(home.root / "canary"))
    register(connection, home, 1, "k4-old", foreign)
    register(connection, home, 2, "k5-new", b"model new").write_bytes(foreign)
    serve(connection, "k5-new")

    opened, refusals = open_last_good(home, connection, from_bytes)

    assert opened is None
    assert "not those that were kept" in refusals[0]
    assert "not a model" in refusals[1]
    assert not (home.root / "canary").exists()


def test_models_are_tried_from_the_one_that_serves_backwards(home: Home, connection):
    for number in range(1, 9):
        register(connection, home, number, f"k{number}-x", b"no")
    register(connection, home, 9, "k9-x", b"model that was refused before")
    serve(connection, "k8-x")

    opened, refusals = open_last_good(home, connection, open_fake)

    assert opened is None
    assert [refusal.split(",")[0] for refusal in refusals] == [
        f"model k{number}-x" for number in (8, 7, 6, 5, 4)
    ]


def test_of_several_fits_of_a_version_the_last_published_serves(home: Home, connection):
    register(connection, home, 1, "k5-x", b"model 1")
    register(connection, home, 2, "k4-x", b"model 2")
    register(connection, home, 3, "k5-x", b"model 3")
    serve(connection, "k5-x")

    keep_model(home, "k5-x", b"model that was never published")

    assert open_last_good(home, connection, open_fake) == ("model 3", [])


def test_a_model_from_before_the_registry_is_fitted_anew(home: Home, connection):
    serve(connection, "k5-x")
    (home.models / "k5-x.skops").write_bytes(b"model 1")

    assert open_last_good(home, connection, open_fake) == (None, [])


def test_where_nobody_was_segmented_no_model_serves(home: Home, connection):
    register(connection, home, 1, "k5-x", b"model 1")

    assert open_last_good(home, connection, open_fake) == (None, [])


def test_no_version_leads_out_of_the_folder(home: Home, connection):
    (home.root / "warehouse" / "k5.aa.skops").write_bytes(b"model")
    connection.execute(
        "insert into previous.segment_models (run_id, model_version, sha256) "
        "values ('run_000001', '../k5', 'aa')"
    )
    serve(connection, "../k5")

    opened, (refusal,) = open_last_good(home, connection, open_fake)

    assert opened is None
    assert refusal.endswith("is refused: its version is none of ours")


def test_refusals_are_a_warning_until_there_are_none(connection):
    record_refused_models(connection, "run_000002", ["model k5 is refused: why"])
    assert findings(connection, "run_000002") == [
        "warning: model_accepted: model k5 is refused: why"
    ]

    record_refused_models(connection, "run_000002", [])
    assert findings(connection, "run_000002") == []
