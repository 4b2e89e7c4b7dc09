"""Who cannot take part."""

from __future__ import annotations


class LeftOut(Exception):
    """This peer cannot be measured here; the message says why, and what to do if one can."""
