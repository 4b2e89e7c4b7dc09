"""The tokenizer is trained here: normalisation rules, then sentencepiece's unigram model."""

from __future__ import annotations

import io
import logging
import sys
import unicodedata
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sentencepiece

from service.tokenizer import Tokenizer
from training.errors import TrainingError

log = logging.getLogger(__name__)

# Keyboards and phones write these for the plain character; reviews that networks are trained on
# hardly ever do. Without this "isn’t" would not be "isn't".
PUNCTUATION = {
    "‘": "'", "’": "'", "ʼ": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"',
    "»": '"', "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-",
}  # fmt: skip

# ㅋㅋㅋ, ㅠㅠ and ㅎㅎ carry tone in Korean. NFKC would make conjoining letters of them, and then
# compose ㅋㅠ to the syllable 큐.
COMPATIBILITY_JAMO = range(0x3131, 0x318F)


def train_tokenizer(
    texts: Iterable[str], *, vocabulary_size: int, at_most: bool = False
) -> Tokenizer:
    """A unigram subword model (Kudo 2018, https://arxiv.org/abs/1804.10959) of `texts`.

    Args:
        texts: the training part; line breaks end a sentence.
        vocabulary_size: how many subwords, padding (id 0) and unknown (id 1) among them.
        at_most: take fewer where the texts do not hold so many, as a small file does not.

    Raises:
        TrainingError: the texts hold too little for a vocabulary of that size.
    """
    lines = (line for text in texts for line in text.split("\n") if line.strip())
    model = io.BytesIO()
    # The model keeps what it was told, so only what is not the default is said.
    limit: dict[str, Any] = {"hard_vocab_limit": False} if at_most else {}
    # The model keeps the path of its rules for ever: a bare name says nothing of this machine.
    with TemporaryDirectory() as folder, chdir(folder):
        rules = Path("rules.tsv")
        rules.write_text(normalisation_rules(), encoding="utf-8")
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=model,
                vocab_size=vocabulary_size,
                model_type="unigram",
                normalization_rule_tsv=str(rules),
                character_coverage=0.9998,  # the rest is names in other scripts and stray marks
                max_sentence_length=1 << 20,  # bytes; the default leaves long paragraphs out
                num_threads=2,  # part of the result: the sums are added up by thread
                pad_id=0,
                unk_id=1,
                bos_id=-1,
                eos_id=-1,
                minloglevel=2,
                **limit,
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise TrainingError(
                f"No tokenizer of {vocabulary_size:,} subwords can be made from this text: "
                f"{error}. Take more text or another --vocabulary-size."
            ) from error
    return Tokenizer(model.getvalue())


def sampled(
    texts: Iterable[str], tokenizer: Tokenizer, *, alpha: float, seed: int
) -> list[list[int]]:
    """Token ids of each text, with subwords drawn from all the ways to split it: the network sees
    rare and broken words in parts that it knows (Kudo 2018, https://arxiv.org/abs/1804.10959).

    Args:
        alpha: how likely the likeliest split is: towards 0 all are alike, 1 nearly always takes
            the one that serving takes.
        seed: the same gives the same ids.
    """
    sentencepiece.set_random_generator_seed(seed % 2**32)
    processor = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    return [
        processor.encode(text, enable_sampling=True, nbest_size=-1, alpha=alpha) for text in texts
    ]


def normalisation_rules() -> str:
    r"""The normaliser as sentencepiece's table: code points, a tab, code points, in hex.

    NFKC and case folding (Unicode Standard Annex 15), composition of what is decomposed, plain
    punctuation for typographic, nothing for invisible characters, and Korean's lone letters as
    they are.

    >>> "41\t61" in normalisation_rules().splitlines()      # A -> a
    True
    """
    rules: dict[str, str] = {}
    for code in range(1, sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in ("Cn", "Co", "Cs"):  # unassigned, private, surrogate
            continue
        plain = _normal_form(character)
        rules[character] = plain
        rules[unicodedata.normalize("NFD", character)] = plain
    lines = [
        f"{_hex(found)}\t{_hex(plain)}" for found, plain in sorted(rules.items()) if found != plain
    ]
    return "\n".join(lines) + "\n"


def _normal_form(character: str) -> str:
    if ord(character) in COMPATIBILITY_JAMO:
        return character
    if character in PUNCTUATION:
        return PUNCTUATION[character]
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category in ("Cc", "Cf") or 0xFE00 <= ord(character) <= 0xFE0F:
        return ""  # control and format characters; variation selectors (text or emoji style)
    plain = unicodedata.normalize("NFKC", character).casefold()
    plain = unicodedata.normalize("NFKC", plain)
    return "".join(PUNCTUATION.get(part, part) for part in plain)  # a superscript minus is a minus


def _hex(text: str) -> str:
    return " ".join(f"{ord(character):X}" for character in text)
