"""The bundles that are loaded, and which of them reads a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from service.bundle import Bundle
from service.errors import BundleError, InvalidFieldError
from service.folder import load_folder

_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")

# A Hangul syllable says as much as some three Latin letters. A Korean review may name an "iPhone 15
# Pro Max", and an English one 기생충: at one syllable to six other letters both are read right.
_LETTERS_PER_SYLLABLE = 6


class Shelf:
    """Bundles by name. It never changes.

    Args:
        bundles: at least one.
        default: the name of the bundle for a text that no Korean one reads; when there is no such
            bundle, the first by name.

    Raises:
        BundleError: there is none, or two have the same name.
    """

    def __init__(self, bundles: Iterable[Bundle], default: str) -> None:
        self._bundles: dict[str, Bundle] = {}
        for bundle in sorted(bundles, key=lambda bundle: bundle.metadata.name):
            if bundle.metadata.name in self._bundles:
                raise BundleError(f"Two bundles are called {bundle.metadata.name!r}: remove one.")
            self._bundles[bundle.metadata.name] = bundle
        if not self._bundles:
            raise BundleError("No bundle to serve.")
        self.default = self._bundles.get(default) or next(iter(self._bundles.values()))
        self._by_language = self._one_per_language()

    def __iter__(self) -> Iterator[Bundle]:  # in the order of their names
        return iter(self._bundles.values())

    def find(self, name: str) -> Bundle | None:
        return self._bundles.get(name)

    def get(self, name: str) -> Bundle:
        """
        Raises:
            InvalidFieldError: there is no bundle of that name.
        """
        bundle = self.find(name)
        if bundle is None:
            known = ", ".join(self._bundles)
            raise InvalidFieldError(f"No model {name!r}; there are: {known}.", "/model")
        return bundle

    def for_text(self, text: str) -> Bundle:
        """The bundle of the text's language, or the default one.

        >>> registry.for_text("정말 재미있어요").metadata.name
        'reviews-ko'
        """
        korean = self._by_language.get("ko")
        return korean if korean is not None and is_korean(text) else self.default

    def routed(self) -> list[Bundle]:
        """The bundles that `for_text` chooses from."""
        chosen = (self.default, self._by_language.get("ko", self.default))
        return list({bundle.metadata.name: bundle for bundle in chosen}.values())

    def _one_per_language(self) -> dict[str, Bundle]:
        """Of several bundles of a language, `reviews-LANGUAGE` if it is there, else the first."""
        chosen: dict[str, Bundle] = {}
        for bundle in self._bundles.values():
            language = bundle.metadata.language
            if bundle.metadata.name == f"reviews-{language}":
                chosen[language] = bundle
            chosen.setdefault(language, bundle)
        return chosen


class Registry:
    """What is served: the shelf of the moment, which may be another one for the next request.

    A request that asks more than once takes `now` and keeps to it: all its answers are then of
    one moment.

    Args and errors: as for `Shelf`.
    """

    def __init__(self, bundles: Iterable[Bundle], default: str) -> None:
        self._default = default
        self.now = Shelf(bundles, default)

    @classmethod
    def from_folder(
        cls, folder: Path, device: str, default: str, precision: str = "auto"
    ) -> Registry:
        """Load every `*.pt` of a folder.

        Raises:
            BundleError: the folder has none, or one of them cannot be used.
            SettingsError: the machine has no such device.
        """
        return cls([file.bundle for file in load_folder(folder, device, precision)], default)

    def replace(self, bundles: Iterable[Bundle]) -> None:
        """Serve these from the next request on.

        Raises:
            BundleError: as for `Shelf`; what was served goes on.
        """
        self.now = Shelf(bundles, self._default)

    def __iter__(self) -> Iterator[Bundle]:  # in the order of their names
        return iter(self.now)

    @property
    def default(self) -> Bundle:
        return self.now.default

    def get(self, name: str) -> Bundle:
        """
        Raises:
            InvalidFieldError: there is no bundle of that name.
        """
        return self.now.get(name)

    def for_text(self, text: str) -> Bundle:
        return self.now.for_text(text)


def is_korean(text: str) -> bool:
    """
    >>> is_korean("iPhone 15 Pro Max 좋아요"), is_korean("I saw 기생충 and it was brilliant")
    (True, False)
    """
    if text.isascii():
        return False
    syllables = len(_HANGUL.findall(text))
    others = sum(map(str.isalpha, text)) - syllables
    return syllables > 0 and syllables * _LETTERS_PER_SYLLABLE >= others
