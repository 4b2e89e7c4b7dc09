"""The public data sets: where they are, how they are read, how they are split; and files of one's
own.

`have_files` has them at hand, `load_development` gives what training may look at, `load_test` what
only evaluation may; `load_own` gives both of one file.
"""

from __future__ import annotations

from training.datasets.catalog import (
    DATASETS,
    Dataset,
    Development,
    Source,
    divided_otherwise,
    find,
    have_files,
    load_development,
    load_test,
)
from training.datasets.fetch import RemoteFile, Store
from training.datasets.own import OwnReviews, load_own
from training.datasets.readers import Example
from training.datasets.tables import Columns

__all__ = [
    "DATASETS",
    "Columns",
    "Dataset",
    "Development",
    "Example",
    "OwnReviews",
    "RemoteFile",
    "Source",
    "Store",
    "divided_otherwise",
    "find",
    "have_files",
    "load_development",
    "load_own",
    "load_test",
]
