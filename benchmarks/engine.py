"""`python -m benchmarks.engine`: the network of each bundle, as it is served, in float32 where that
is another precision, as it was trained (eager) and in ONNX Runtime, against a transformer encoder
of DistilBERT's shape; what share of the core's peak it reaches; and an explanation against an
answer. On one thread.

The networks alone, ids in and probabilities out: both sides would spend the same on a tokenizer.
Everyone reads the same number of texts of the same length, so nobody pads. The transformer's
weights are random, since its time does not depend on them; it is torch's own, which takes its fused
path for inference where there is one. The peak is that of torch's product of two large matrices in
float32, measured in the same rounds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.left_out import LeftOut
from benchmarks.onnx_runtime import onnx_engine
from benchmarks.options import add_rounds_of_bundles, output_of
from benchmarks.outcome import Quartiles, quartiles, spread, write_result
from service.archive import find_bundles
from service.batcher import Batcher
from service.bundle import Bundle, BundleError, load_bundle
from training.config import NetworkConfig
from training.model import SentimentNetwork

# One reader: ids (T, N) int64 and lengths (N,) int64, as a bundle takes them -> (N, K).
Engine = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """What is read at once."""

    texts: int
    tokens: int  # of each

    @property
    def name(self) -> str:
        return f"{self.texts} text{'s' if self.texts > 1 else ''} of {self.tokens} tokens"


CASES = (Case(32, 20), Case(1, 20), Case(1, 230))


@dataclass(frozen=True)
class EncoderShape:
    """DistilBERT's: Sanh et al. 2019 (https://arxiv.org/abs/1910.01108), with BERT's vocabulary."""

    layers: int = 6
    width: int = 768
    heads: int = 12
    feed_forward: int = 3_072
    vocabulary: int = 30_522
    positions: int = 512
    classes: int = 2


class Encoder(nn.Module):
    """A transformer that classifies by its first token, with random weights.

    Axes: N texts, T tokens, D `width`, K classes.
    """

    def __init__(self, shape: EncoderShape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.positions, shape.width)
        self.norm = nn.LayerNorm(shape.width)
        layer = nn.TransformerEncoderLayer(
            shape.width,
            shape.heads,
            shape.feed_forward,
            activation="gelu",
            batch_first=True,  # without it, torch has no fused path
        )
        self.encoder = nn.TransformerEncoder(layer, shape.layers)
        self.head = nn.Sequential(
            nn.Linear(shape.width, shape.width), nn.ReLU(), nn.Linear(shape.width, shape.classes)
        )

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(T, N), (N,) -> (N, K) probabilities. The lengths are not looked at: no text is padded,
        and a mask would only cost time."""
        ids = ids.t()  # (T, N) -> (N, T)
        places = torch.arange(ids.shape[1])  # (T,)
        states = self.norm(self.words(ids) + self.places(places))  # (N, T) -> (N, T, D)
        first = self.encoder(states)[:, 0]  # (N, T, D) -> (N, D)
        return torch.softmax(self.head(first), dim=1)  # (N, D) -> (N, K)


TRANSFORMER = "transformer"
ONNX_RUNTIME = "{}, ONNX Runtime"  # of a bundle
PEAK = "matrix product"

# Rows and columns of the two matrices: large enough for the peak, small enough for the cache.
_PEAK_SIZE = 1_024


def engines(
    bundles: Sequence[Bundle], shape: EncoderShape, exact: Sequence[Bundle] = ()
) -> dict[str, Engine]:
    """Everyone who takes part, by name. Who cannot is left out, and it is said why.

    Args:
        bundles: as they are served.
        exact: the same ones in float32; those that are served in it as well are left out.
    """
    found: dict[str, Engine] = {}
    in_float32 = {bundle.metadata.name: bundle.module for bundle in exact}
    for bundle in bundles:
        name = bundle.metadata.name
        found[name] = bundle.module
        if bundle.precision != "float32" and name in in_float32:
            found[f"{name}, float32"] = in_float32[name]
        found[f"{name}, eager"] = eager(bundle)
        try:
            found[ONNX_RUNTIME.format(name)] = onnx_engine(bundle)
        except LeftOut as why:
            print(f"{name}, ONNX Runtime: left out, {why}", flush=True)
    left, right = torch.randn(2, _PEAK_SIZE, _PEAK_SIZE)
    return found | {TRANSFORMER: Encoder(shape).eval(), PEAK: lambda *_: left @ right}


def eager(bundle: Bundle) -> Engine:
    """The network as it was trained, with the bundle's weights: logits instead of probabilities."""
    metadata = bundle.metadata
    network = SentimentNetwork(
        NetworkConfig.of(metadata.hyper_parameters),
        vocabulary_size=len(bundle.tokenizer),
        classes=len(metadata.labels),
        pad_id=metadata.pad_id,
    )
    weights = dict(bundle.module.state_dict())
    del weights["temperature"]
    network.load_state_dict({"embedding.weight": weights.pop("vectors").float(), **weights})
    return network.eval()


def operations(bundle: Bundle, case: Case) -> float:
    """Additions and multiplications of the LSTM's matrix products in one pass; all else is little.

    Each of the four gates multiplies the input (E) and the last state (H), for each of the tokens
    and directions.
    """
    used = bundle.metadata.hyper_parameters
    units, width = used["hidden_size"], used["embedding_size"]
    ways = used.get("directions", 2)
    inputs = width + (used.get("layers", 1) - 1) * ways * units
    states = used.get("layers", 1) * units
    return float(2 * 4 * units * (inputs + states) * ways * case.texts * case.tokens)


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one pass, how many times as long the transformer took in the same round, and
    what share of the time of ONNX Runtime's network in that round it is: the median of the rounds
    and their quartiles.

    Attributes:
        of_onnx_runtime: None for who has no counterpart there.
    """

    milliseconds: Quartiles  # lower quartile, median, upper quartile
    times_as_fast: Quartiles
    of_onnx_runtime: Quartiles | None = None


def measure(
    engines: Mapping[str, Engine], case: Case, *, vocabulary: int, rounds: int
) -> dict[str, Timing]:
    """Everyone reads the same texts, one after the other, `rounds` times over: what disturbs the
    machine for a while disturbs all.

    Args:
        vocabulary: ids are drawn below it.
        rounds: at least 2.
    """
    generator = torch.Generator().manual_seed(1)
    # From 4 on: below are padding, unknown and the like.
    ids = torch.randint(4, vocabulary, (case.tokens, case.texts), generator=generator)
    lengths = torch.full((case.texts,), case.tokens)
    times: dict[str, list[float]] = {name: [] for name in engines}
    with torch.inference_mode():
        for _ in range(rounds):
            for name, engine in engines.items():
                times[name].append(_milliseconds(engine, ids, lengths))
    return {
        name: _timing(own, times[TRANSFORMER], times.get(ONNX_RUNTIME.format(_bundle_of(name))))
        for name, own in times.items()
    }


def _bundle_of(name: str) -> str:
    """
    >>> _bundle_of("reviews-en, float32"), _bundle_of("reviews-en")
    ('reviews-en', 'reviews-en')
    """
    return name.partition(", ")[0]


def peak_share(bundle: Bundle, case: Case, timings: Mapping[str, Timing], peak: float) -> float:
    """What share of the operations of the matrix product the network does in the same time. The
    product is in float32: a network in bfloat16, of which a core does twice as many, may do more.

    Args:
        peak: milliseconds of that product.
    """
    own = operations(bundle, case) / timings[bundle.metadata.name].milliseconds[1]
    return round(own / (2 * _PEAK_SIZE**3 / peak), 4)


def explanation_cost(
    bundle: Bundle, *, tokens: int, vocabulary: int, rounds: int
) -> tuple[float, float, float]:
    """How many times as long as its answer a text's explanation takes: quartiles of the rounds.

    Both go through the batcher, as a request's do.

    Args:
        tokens: of the text.
        rounds: at least 2.
    """
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(4, vocabulary, (tokens,), generator=generator).tolist()
    batcher = Batcher()
    batcher.start()

    def answer(*_: Tensor) -> Tensor:
        return torch.tensor(batcher.submit(bundle, [ids], time.monotonic() + 60).result())

    def explain(*_: Tensor) -> Tensor:
        return torch.tensor(batcher.submit_reading(bundle, ids, time.monotonic() + 60).result())

    nothing = torch.empty(0)
    ratios = [
        _milliseconds(explain, nothing, nothing) / _milliseconds(answer, nothing, nothing)
        for _ in range(rounds)
    ]
    batcher.stop()
    return quartiles(ratios)


def _milliseconds(engine: Engine, ids: Tensor, lengths: Tensor, *, enough: float = 0.05) -> float:
    """Of one pass: the mean over as many as fit into `enough` seconds, at least one.

    Two more come first and are not counted: TorchScript compiles in the first two passes of a
    shape, and whoever ran before left the caches full of its own weights.
    """
    engine(ids, lengths)
    engine(ids, lengths)
    passes, begin = 0, time.perf_counter()
    while (spent := time.perf_counter() - begin) < enough or not passes:
        engine(ids, lengths)
        passes += 1
    return 1000 * spent / passes


def _timing(
    own: Sequence[float], transformer: Sequence[float], onnx_runtime: Sequence[float] | None
) -> Timing:
    ratios = [theirs / ours for ours, theirs in zip(own, transformer, strict=True)]
    shares = None
    if onnx_runtime is not None:
        shares = quartiles([ours / its for ours, its in zip(own, onnx_runtime, strict=True)])
    return Timing(quartiles(own), quartiles(ratios), shares)


def report(case: Case, timings: Mapping[str, Timing]) -> str:
    """
    >>> print(report(case, timings))
    32 texts of 20 tokens
                   ms (quartiles)              times as fast (quartiles)  of ONNX Runtime's time
      tiny-en      4.10 (4.02-4.31)            98.1 (95.0-99.7)           0.38 (0.37-0.40)
      transformer  402.20 (398.00-410.31)      1.0 (1.0-1.0)              -
    """
    width = max(map(len, timings))
    head = f"{'ms (quartiles)':<26}  {'times as fast (quartiles)':<25}  of ONNX Runtime's time"
    lines = [case.name, f"  {'':<{width}}  {head}"]
    for name, timing in timings.items():
        took, fast = spread(timing.milliseconds, 2), spread(timing.times_as_fast, 1)
        share = spread(timing.of_onnx_runtime, 2)
        lines.append(f"  {name:<{width}}  {took:<26}  {fast:<25}  {share}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write down; the exit code is 0, 1 without a bundle, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    try:
        paths = find_bundles(options.models)
        bundles = [load_bundle(path, precision="auto") for path in paths]
        exact = [load_bundle(path) for path in paths]
        output = output_of(options, "engine.json")
        _compare(bundles, exact, EncoderShape(), options.rounds, output)
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def _compare(
    bundles: Sequence[Bundle],
    exact: Sequence[Bundle],
    shape: EncoderShape,
    rounds: int,
    output: Path,
) -> None:
    readers = engines(bundles, shape, exact)
    vocabulary = min([shape.vocabulary, *(len(bundle.tokenizer) for bundle in bundles)])
    found: dict[str, Any] = {}
    for case in CASES:
        timings = measure(readers, case, vocabulary=vocabulary, rounds=rounds)
        peak = timings.pop(PEAK).milliseconds[1]
        print(report(case, timings), flush=True)
        shares = {each.metadata.name: peak_share(each, case, timings, peak) for each in bundles}
        for name, share in shares.items():
            print(f"  {name}: {share:.0%} of the peak in float32")
        found[case.name] = {name: asdict(timing) for name, timing in timings.items()}
        found[case.name]["share_of_peak"] = shares
    for bundle in bundles:
        cost = explanation_cost(bundle, tokens=256, vocabulary=vocabulary, rounds=rounds)
        low, median, high = cost
        name = bundle.metadata.name
        print(f"explaining 256 tokens, {name}: {median:.1f} ({low:.1f}-{high:.1f}) answers' time")
        found[f"explaining 256 tokens, {name}"] = {"times_an_answer": cost}
    precision = {bundle.metadata.name: bundle.precision for bundle in bundles}
    head = {"transformer": asdict(shape), "rounds": rounds, "precision": precision}
    write_result(output, {**head, **found})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine",
        description="The time of one pass of each bundle's network, on one thread, against a "
        "transformer encoder of DistilBERT's shape; and of an explanation against an answer.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_rounds_of_bundles(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
