"""The public data sets: where they are, how they are read, how they are split.

`load_development` gives what training may look at, `load_test` what only evaluation may.
"""

from __future__ import annotations

from training.datasets.catalog import (
    DATASETS,
    Dataset,
    Development,
    Source,
    find,
    load_development,
    load_test,
)
from training.datasets.fetch import RemoteFile, Store
from training.datasets.readers import Example

__all__ = [
    "DATASETS",
    "Dataset",
    "Development",
    "Example",
    "RemoteFile",
    "Source",
    "Store",
    "find",
    "load_development",
    "load_test",
]
