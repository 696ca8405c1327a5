"""Where the studies of a search are kept: a file, or a database that Optuna knows."""

from pathlib import Path

import optuna
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool


class Unopened(ValueError):
    """The place of studies can be neither read nor made."""


LOST = (SQLAlchemyError, optuna.exceptions.StorageInternalError, Unopened)
"""What says that a place takes no more: a full disk, a file that may only be read, a database that is away."""


def open_studies(place: str) -> optuna.storages.RDBStorage:
    """Return the studies kept in a file or at a URL. Raises Unopened where they can be neither read nor made."""
    try:
        return _kept(place if "://" in place else _file(Path(place)))
    # A RuntimeError says that another release of Optuna made it.
    except (SQLAlchemyError, ImportError, RuntimeError, OSError, optuna.exceptions.StorageInternalError) as error:
        raise Unopened(f"the study {place} can be neither read nor made: {cause_of(error)}") from error


def cause_of(error: BaseException) -> str:
    """Return in words what an error began with: Optuna's own words tell of something else."""
    return cause_of(error.__cause__) if error.__cause__ else str(error)


def _kept(url: str) -> optuna.storages.RDBStorage:
    # Each connection is closed as soon as it is not needed: nobody closes the place itself.
    return optuna.storages.RDBStorage(url, engine_kwargs={"poolclass": NullPool})


def _file(study: Path) -> str:
    """Return the URL of a file of studies, made whole where there is none: of half a one nobody would notice."""
    if not study.exists():
        draft = study.with_name(f"{study.name}.new")
        draft.unlink(missing_ok=True)
        _kept(f"sqlite:///{draft}")
        draft.rename(study)
    return f"sqlite:///{study}"
