"""Homes that a whole run has gone through, made once for all tests of a group."""

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from running import (
    REFERENCE_DATA,
    SMALL,
    with_kmeans_alone,
    without_docs,
    write_sample,
)

from warehouse import stages, transform
from warehouse.home import Home


@pytest.fixture(scope="session")
def make_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Home]:
    """Make a home whose inbox holds folders of the reference data."""

    def make(name: str, *folders: str, settings: str = "") -> Home:
        home = Home.at(tmp_path_factory.mktemp(name))
        home.inbox.mkdir()
        for folder in folders:
            if not (REFERENCE_DATA / folder).is_dir():
                pytest.skip(f"the reference data set {folder} is not here")
            shutil.copytree(REFERENCE_DATA / folder, home.inbox / folder)
        without_docs(home)
        (home.root / "settings.yml").write_text(settings)
        with_kmeans_alone(home)
        return home

    return make


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that has published the sample."""
    home = Home.at(tmp_path_factory.mktemp("sample"))
    write_sample(home.root)
    stages.run(home)
    return home


@pytest.fixture(scope="module", autouse=True)
def _no_waiting() -> Generator[None]:
    """Take files that were written a moment ago without a second look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warehouse.arrival.QUIET_SECONDS", 0)
        yield


@contextmanager
def data_tests_spared() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transform, "NOT_BUILT", (*transform.NOT_BUILT, "test"))
        yield


@pytest.fixture(scope="module")
def without_data_tests() -> Generator[None]:
    """Spare the runs of a file dbt's data tests, which take half of their time.

    The homes of other files, and all runs of the command line in a process of its own,
    have them.
    """
    with data_tests_spared():
        yield


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that has published a small sample, for the files that share a worker."""
    home = Home.at(tmp_path_factory.mktemp("small_sample"))
    write_sample(home.root, **SMALL)
    with_kmeans_alone(home)
    without_docs(home)
    with data_tests_spared():
        stages.run(home)
    return home
