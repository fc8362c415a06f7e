"""Airflow's own home, `<home>/airflow`: its settings, keys, database and pool.

Everything that Tessera asks of Airflow is in `SETTINGS`, and nowhere else. It is
written to `airflow.cfg` at every start; ``AIRFLOW__SECTION__KEY`` in the environment
wins over it, as ever in Airflow: so a team sets PostgreSQL or a real auth manager.
"""

import json
import os
import secrets
from base64 import urlsafe_b64encode
from configparser import ConfigParser
from pathlib import Path

DAGS = Path(__file__).resolve().parent
POOL = "warehouse_writer"

SETTINGS = {
    "core": {
        "dags_folder": str(DAGS),
        "executor": "LocalExecutor",
        "parallelism": "2",
        "load_examples": "False",
        "dags_are_paused_at_creation": "False",
        "dag_run_conf_overrides_params": "False",
        "default_task_retries": "3",
        "default_task_execution_timeout": "7200",
        "default_timezone": "utc",
        "execution_api_server_url": "{url}/execution/",
        "simple_auth_manager_users": "admin:admin",
        "simple_auth_manager_passwords_file": "{airflow}/passwords.json",
        "test_connection": "Disabled",
    },
    # Of 5 s, a process that finds its database locked ends, and Airflow with it.
    "database": {"sql_alchemy_conn": "sqlite:///{airflow}/airflow.db?timeout=60"},
    "logging": {"base_log_folder": "{airflow}/logs", "colored_console_log": "False"},
    "api": {
        "host": "127.0.0.1",
        "port": "{port}",
        "base_url": "{url}",  # tasks call back here: it moves with the port
        "workers": "1",
        "expose_config": "False",
        "expose_stacktrace": "False",
    },
    "workers": {"execution_api_timeout": "60"},  # of 5 s, a loaded machine takes more
    "scheduler": {"enable_health_check": "False", "catchup_by_default": "False"},
    "dag_processor": {"refresh_interval": "60"},
}
KEYS = {
    ("core", "fernet_key"): lambda: urlsafe_b64encode(os.urandom(32)).decode(),
    ("api", "secret_key"): lambda: secrets.token_hex(32),
    ("api_auth", "jwt_secret"): lambda: secrets.token_hex(32),
}


def prepare(home: Path, *, port: int | None = None) -> Path:
    """Write Airflow's settings and point this process, and its children, at them.

    To be called before anything of Airflow is imported.

    Parameters
    ----------
    home : Path
        Tessera's home.
    port : int, optional
        Of the pages and the API, on 127.0.0.1; by default the last one used, or 8080.

    Returns
    -------
    Path
        Airflow's home (0700).
    """
    airflow = home.absolute() / "airflow"
    airflow.mkdir(parents=True, exist_ok=True)
    airflow.chmod(0o700)
    (airflow / "logs").mkdir(exist_ok=True)
    _write_settings(airflow, port)
    _write_passwords(airflow / "passwords.json")
    os.environ["AIRFLOW_HOME"] = str(airflow)
    os.environ["TESSERA_HOME"] = str(home.absolute())
    return airflow


def create_database_and_pool() -> None:
    """Bring the metadata database up to date and make the one-slot pool.

    The pool's description names the version of Airflow that made it: where it is
    there already, there is nothing to do, which saves seconds.
    """
    import airflow
    from airflow.models.pool import Pool
    from airflow.utils import db
    from sqlalchemy.exc import DatabaseError

    description = f"Who writes to the warehouse (made by Airflow {airflow.__version__})"
    try:
        pool = Pool.get_pool(POOL)
    except DatabaseError:  # there are no tables yet
        pool = None
    if pool and pool.slots == 1 and pool.description == description:
        return
    db.upgradedb()
    Pool.create_or_update_pool(POOL, 1, description, include_deferred=True)


def _write_settings(airflow: Path, port: int | None) -> None:
    """Write `airflow.cfg` (0600), with the keys that it already holds, or new ones."""
    path = airflow / "airflow.cfg"
    config = ConfigParser(interpolation=None)
    config.read(path)
    port = port or config.getint("api", "port", fallback=8080)
    written = ConfigParser(interpolation=None)
    places = {"airflow": airflow, "port": port, "url": f"http://127.0.0.1:{port}"}
    for section, options in SETTINGS.items():
        written[section] = {
            name: value.format(**places).replace("%", "%%")
            for name, value in options.items()
        }
    for (section, name), generate in KEYS.items():
        kept = config.get(section, name, fallback=None)
        written.setdefault(section, {})
        written[section][name] = kept or generate()
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(_open_private(beside), "w") as file:
        written.write(file)
    beside.replace(path)


def _write_passwords(path: Path) -> None:
    """Make the password of `admin` on first use (0600), so that Airflow prints none."""
    if not path.exists():
        with os.fdopen(_open_private(path), "w") as file:
            json.dump({"admin": secrets.token_urlsafe(16)}, file)


def _open_private(path: Path) -> int:
    """Open a new file that only its owner can read."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
