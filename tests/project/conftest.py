"""Homes that a whole run has gone through, made once for all tests of a group."""

import shutil
from collections.abc import Callable, Generator

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


@pytest.fixture(scope="module")
def without_data_tests() -> Generator[None]:
    """Spare the runs of a file dbt's data tests, which take half of their time.

    The homes of other files, and all runs of the command line, have them.
    """
    usual = transform.NOT_BUILT
    transform.NOT_BUILT = (*usual, "test")
    yield
    transform.NOT_BUILT = usual


@pytest.fixture(scope="module")
def small_sample(
    tmp_path_factory: pytest.TempPathFactory, without_data_tests: None
) -> Home:
    """A home that has published a small sample."""
    home = Home.at(tmp_path_factory.mktemp("small_sample"))
    write_sample(home.root, **SMALL)
    with_kmeans_alone(home)
    without_docs(home)
    stages.run(home)
    return home
