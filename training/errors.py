"""Every error that training raises on purpose.

TrainingError      training cannot go on; the message is shown as it is, and the exit code is 1
└── DataError      a data set is missing, damaged, or not what its reader expects
"""

from __future__ import annotations


class TrainingError(Exception):
    """The message is written for the person who reads it: what, where, and what to do."""


class DataError(TrainingError):
    """Data cannot be had or read: says what, where, what was expected and what to do."""
