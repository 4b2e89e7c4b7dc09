"""Text to token ids, the same way in training and in production.

One sentencepiece model (https://github.com/google/sentencepiece) does it all: Unicode
normalisation, case folding and the split into subwords. It travels inside the bundle, so the two
sides cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import sentencepiece


@dataclass(frozen=True, slots=True)
class Token:
    """One subword and where it stands: `text[start:end]` of the original, in characters."""

    id: int
    piece: str
    start: int
    end: int


class Tokenizer:
    """A trained sentencepiece model.

    Args:
        model: the bytes of a `.model` file.

    Raises:
        ValueError: the bytes are no sentencepiece model, or it has no padding or unknown token.
    """

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except RuntimeError as error:
            raise ValueError("not a sentencepiece model") from error
        self.pad_id: int = self._processor.pad_id()
        self.unk_id: int = self._processor.unk_id()
        if self.pad_id < 0 or self.unk_id < 0:
            raise ValueError("the sentencepiece model has no padding or no unknown token")

    def __len__(self) -> int:
        """The size of the vocabulary."""
        return int(self._processor.get_piece_size())

    def encode(self, text: str) -> list[int]:
        """The ids of the subwords of `text`; a blank text has none.

        Several texts are encoded one by one. sentencepiece would take them all in one call, but it
        starts a thread for that and holds the interpreter's lock until the thread has had its turn:
        on busy cores that stops all other requests for longer than the texts take.

        >>> tokenizer.encode("Not bad at all!")     # ▁not ▁bad ▁at ▁all !
        [26, 122, 43, 38, 36]
        """
        ids: list[int] = self._processor.encode(_well_formed(text))
        return ids

    def tokens(self, text: str, limit: int | None = None) -> list[Token]:
        """The same subwords, the first `limit` of them, with their places in the original text.

        Normalisation may change how many characters there are ("ﬁ" becomes "fi", decomposed Hangul
        is composed): the places are those of the text as it was given.

        >>> tokenizer.tokens("ＧＯＯＤ!")           # full-width letters
        [Token(id=68, piece='▁good', start=0, end=4), Token(id=36, piece='!', start=4, end=5)]
        """
        found = self._processor.encode(_well_formed(text), return_type="offset_mapping")
        return [
            Token(number, piece, start, end)
            for number, piece, (start, end) in zip(
                found["ids"][:limit],
                found["pieces"][:limit],
                found["offsets"][:limit],
                strict=True,
            )
        ]


def _well_formed(text: str) -> str:
    # A Python string may hold half a surrogate pair, which has no UTF-8 form; sentencepiece would
    # stop on it. U+FFFD is what a decoder puts in its place, and it keeps every offset.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
