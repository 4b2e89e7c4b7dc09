"""The network: many tokens in, one answer out.

Axes, named once:

    T  tokens, padded to the longest text of the batch      N  texts of the batch
    E  width of an embedding      H  width of a hidden state      D  directions (1 or 2)
    K  classes

Time comes first: `(T, N, E)` is what the textbooks call `[seq_len, batch_size, input_dim]`. The
same weights are used at every step, and the hidden state starts at zeros, so that a text is read
as a person reads it: word by word, knowing what came before.
"""

# No `from __future__ import annotations` here: TorchScript reads `Final` as an object, not as text.
from typing import Final

import torch
from torch import Tensor, nn

from training.config import NetworkConfig

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class RecurrentLayer(nn.Module):
    """One recurrent layer, read forwards, or forwards and backwards.

    Args:
        cell: "lstm" (Hochreiter and Schmidhuber 1997), "gru" (Cho et al. 2014) or "rnn" (Elman
            1990).
        input_size: width of what comes in (E).
        hidden_size: width of the hidden state of one direction (H).
        directions: 1, or 2 (Schuster and Paliwal 1997).
    """

    two_way: Final[bool]
    # What service/layout.py leaves here after loading: an LSTM's weights as oneDNN lays them out,
    # four a direction (inputs, states, their biases), and whether they are bfloat16. Never saved.
    packed: list[Tensor]
    narrow: bool

    def __init__(self, cell: str, input_size: int, hidden_size: int, directions: int) -> None:
        super().__init__()
        self.two_way = directions == 2
        self.hidden_size = hidden_size
        self.packed = []
        self.narrow = False
        self.forwards = CELLS[cell](input_size, hidden_size)
        # The second direction is a layer of its own over each text turned round, not torch's
        # `bidirectional`: that one would begin to read at the padding.
        self.backwards = CELLS[cell](input_size, hidden_size) if self.two_way else nn.Identity()

    def forward(self, inputs: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read N texts.

        Args:
            inputs: (T, N, E), or (T, 1, E): see `each_way`.
            lengths: (N,) int64, between 1 and T.

        Returns:
            The hidden states at every step, (T, N, D*H), and the last one of each direction,
            (D, N, H): the state after the last token of the text, not of the padding.
        """
        ways = self.each_way(inputs, lengths)  # D × (T, N, H)
        last = torch.stack([_at(states, lengths - 1) for states in ways])  # D × (N, H) -> (D, N, H)
        if not self.two_way:
            return ways[0], last
        back = _reorder(ways[1], turned_round(lengths, inputs.size(0)))
        return torch.cat([ways[0], back], dim=2), last  # 2 × (T, N, H) -> (T, N, 2H)

    def each_way(self, inputs: Tensor, lengths: Tensor) -> list[Tensor]:
        """Read N texts, or one text up to N places.

        Args:
            inputs: (T, N, E), or (T, 1, E): what is read forwards is then read once, since it does
                not depend on where the text will end.
            lengths: (N,) int64, between 1 and T.

        Returns:
            The hidden states of each direction, D × (T, N, H), in the order in which it reads: the
            second one's first state is that of the last token. Padding stands behind, in both.
        """
        if self.narrow and inputs.dtype != torch.bfloat16:  # word vectors may be it already
            inputs = inputs.to(torch.bfloat16)
            if inputs.size(2) == self.hidden_size:
                # Vectors as wide as the states are multiplied together with them, but not those of
                # a text that is alone: sums in another order, which bfloat16 shows. An answer must
                # not depend on what else is in its batch, so that two zeros make them wider.
                inputs = nn.functional.pad(inputs, [0, 2])  # (T, N, E) -> (T, N, E + 2)
        ahead = self._states(0, inputs)  # (T, N, E) -> (T, N, H)
        if inputs.size(1) < lengths.size(0):
            inputs = inputs.expand(-1, lengths.size(0), -1)  # (T, 1, E) -> (T, N, E)
            ahead = ahead.expand(-1, lengths.size(0), -1)  # (T, 1, H) -> (T, N, H)
        if not self.two_way:
            return [ahead]
        if inputs.size(1) == 1 and int(lengths) == inputs.size(0):
            turned = inputs.flip(0)  # one text has no padding: a tenth of the work below
        else:
            turned = _reorder(inputs, turned_round(lengths, inputs.size(0)))
        return [ahead, self._states(1, turned)]  # (T, N, E) -> (T, N, H)

    def _states(self, way: int, inputs: Tensor) -> Tensor:
        """(T, N, E) -> (T, N, H), in the order in which that direction reads."""
        if len(self.packed) == 0:
            # No state is handed in: torch starts each at zeros, (1, N, H).
            states: Tensor = self.forwards(inputs)[0] if way == 0 else self.backwards(inputs)[0]
            return states
        # What torch's LSTM does on a CPU, less the packing of the weights that it does each time:
        # a quarter of the time of one short text.
        weights = self.packed[4 * way : 4 * way + 4]
        cells = torch.zeros(1, inputs.size(1), self.hidden_size)  # in float32: they add up
        # fmt: off
        states = torch.mkldnn_rnn_layer(
            inputs, weights[0], weights[1], weights[2], weights[3], cells.to(inputs.dtype), cells,
            False, [], 2, self.hidden_size, 1, True, False, False, False,
        )[0]
        # fmt: on
        return states.float()


class Reader(nn.Module):
    """All behind the embedding: recurrent layers, pooling over time, classes."""

    pooling: Final[str]

    def __init__(self, config: NetworkConfig, classes: int) -> None:
        super().__init__()
        self.pooling = config.pooling
        width = config.directions * config.hidden_size
        self.layers = nn.ModuleList(
            RecurrentLayer(
                config.cell,
                config.embedding_size if depth == 0 else width,
                config.hidden_size,
                config.directions,
            )
            for depth in range(config.layers)
        )
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(2 * width if config.pooling == "max-mean" else width, classes)
        self._initialise()

    def forward(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """(T, N, E), or (T, 1, E), and (N,) int64 -> logits (N, K)."""
        texts = lengths.size(0)
        spare = spare_texts(texts)
        if spare > 0:
            lengths = nn.functional.pad(lengths, [0, spare], value=1.0)  # (N,)
            if embedded.size(1) == texts:
                embedded = nn.functional.pad(embedded, [0, 0, 0, spare])  # -> (T, N + spare, E)
        states = self.embedding_dropout(embedded)
        ways: list[Tensor] = []
        for depth, layer in enumerate(self.layers):
            if depth > 0:
                states = self.dropout(states)
            if depth + 1 < len(self.layers):
                states = layer(states, lengths)[0]  # -> (T, N, D*H)
            else:
                # -> D × (T, N, H); a ModuleList does not tell mypy what is in it
                ways = layer.each_way(states, lengths)  # type: ignore[operator]
        pooled = self._pool(ways, lengths)[:texts]
        logits: Tensor = self.classifier(self.dropout(pooled))  # -> (N, K)
        return logits

    def _pool(self, ways: list[Tensor], lengths: Tensor) -> Tensor:
        """D × (T, N, H) -> (N, D*H), or (N, 2*D*H) for "max-mean"; padding is left out.

        In which order a direction reads does not matter here, nor do the directions to each other:
        neither is lined up with the other, which would cost a pass over memory each.
        """
        if self.pooling == "last":
            return torch.cat([_at(states, lengths - 1) for states in ways], dim=1)
        rows = self._padding(ways[0].size(0), lengths)
        largest: list[Tensor] = []
        means: list[Tensor] = []
        for states in ways:
            if self.pooling != "max":
                states = _filled(states, rows, 0.0)
                means.append(states.sum(0))  # (T, N, H) -> (N, H)
            if self.pooling != "mean":
                states = _filled(states, rows, float("-inf"))
                largest.append(states.amax(0))  # (T, N, H) -> (N, H)
        if len(means) > 0:
            largest.append(torch.cat(means, dim=1) / lengths.unsqueeze(1))
        return torch.cat(largest, dim=1)

    def _padding(self, steps: int, lengths: Tensor) -> Tensor:
        """Where the padding is among the rows of (T*N, H): (P,) int64."""
        if lengths.size(0) == 1 and int(lengths) == steps:  # one text has none
            return torch.empty(0, dtype=torch.int64, device=lengths.device)
        step = torch.arange(steps, device=lengths.device).unsqueeze(1)  # (T, 1)
        padding = step >= lengths.unsqueeze(0)  # (T, N)
        return padding.view(-1).nonzero().squeeze(1)  # -> (T*N,) -> (P,)

    def _initialise(self) -> None:
        """Orthogonal recurrent weights (Saxe et al. 2013), and gates that begin by remembering
        (forget bias 1: Jozefowicz et al. 2015)."""
        for name, weight in self.layers.named_parameters():
            if ".weight_hh" in name:
                for gate in weight.split(weight.size(1)):  # G gates: (G*H, H) -> G × (H, H)
                    nn.init.orthogonal_(gate)
            elif ".weight_ih" in name:
                nn.init.xavier_uniform_(weight)
            else:
                nn.init.zeros_(weight)
        for module in self.layers.modules():
            if isinstance(module, nn.LSTM):
                # torch's order of gates: input, forget, cell, output
                forget = module.get_parameter("bias_ih_l0").chunk(4)[1]
                nn.init.ones_(forget)


class SentimentNetwork(nn.Module):
    """The network as it is trained: token ids in, logits out."""

    def __init__(
        self, config: NetworkConfig, *, vocabulary_size: int, classes: int, pad_id: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size, padding_idx=pad_id)
        self.reader = Reader(config, classes)
        with torch.no_grad():
            self.embedding.weight.mul_(0.1)  # about the size of a trained vector's entries
            self.embedding.weight[pad_id] = 0.0

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(T, N) int64 and (N,) int64 -> logits (N, K)."""
        logits: Tensor = self.reader(self.embedding(ids), lengths)  # (T, N) -> (T, N, E) -> (N, K)
        return logits


class BundledNetwork(nn.Module):
    """The trained network as a bundle holds it: probabilities instead of logits.

    The word vectors, most of the file, rest in float16 and are widened as they are looked up.

    Args:
        network: trained. Its word vectors are rounded to float16 in place: both answer alike.
        temperature: the logits are divided by it (Guo et al. 2017,
            https://arxiv.org/abs/1706.04599); above 1 is less certain.
    """

    # What service/layout.py leaves here after loading: the word vectors as the first layer reads
    # them, where that is another type. Never saved.
    ready: list[Tensor]

    def __init__(self, network: SentimentNetwork, temperature: float) -> None:
        super().__init__()
        vectors = network.embedding.weight
        with torch.no_grad():
            vectors.copy_(vectors.half())
        self.vectors: Tensor
        self.register_buffer("vectors", vectors.detach().half())
        self.temperature: Tensor
        self.register_buffer("temperature", torch.tensor(temperature))
        self.reader = network.reader
        self.ready = []

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(T, N) int64, or (T, 1), and (N,) int64 -> probabilities (N, K) float32."""
        if len(self.ready) > 0:
            embedded = nn.functional.embedding(ids, self.ready[0])  # (T, N) -> (T, N, E)
        else:
            embedded = nn.functional.embedding(ids, self.vectors).float()  # (T, N) -> (T, N, E)
        return torch.softmax(self.reader(embedded, lengths) / self.temperature, dim=1)


def spare_texts(texts: int) -> int:
    """How many empty texts make a batch one that oneDNN reads fast.

    It divides the texts of a step into equal blocks of at most some fifty. A larger prime number
    has none but blocks of one: in bfloat16 53 texts took three times as long as 56.

    >>> spare_texts(20), spare_texts(53), spare_texts(56)
    (0, 3, 0)
    """
    return -texts % 8 if texts > 52 else 0


def turned_round(lengths: Tensor, steps: int) -> Tensor:
    """Where each step of each text comes from when it is read backwards; padding stays behind.

    >>> turned_round(torch.tensor([3, 2]), 3).t()
    tensor([[2, 1, 0],
            [1, 0, 2]])
    """
    step = torch.arange(steps, device=lengths.device).unsqueeze(1)  # (T, 1)
    mirrored = lengths.unsqueeze(0) - 1 - step  # (T, N)
    return torch.where(mirrored >= 0, mirrored, step)


def _reorder(states: Tensor, order: Tensor) -> Tensor:
    """(T, N, X), (T, N) -> (T, N, X), row by row; a `gather` would copy number by number."""
    texts = torch.arange(order.size(1), device=order.device)  # (N,)
    rows = states.reshape(-1, states.size(2))  # (T, N, X) -> (T*N, X)
    return nn.functional.embedding(order * order.size(1) + texts, rows)


def _filled(states: Tensor, rows: Tensor, value: float) -> Tensor:
    """(T, N, H) with `value` in these of its T*N rows: in place where no gradient is wanted."""
    if rows.size(0) == 0:
        return states
    flat = states.reshape(-1, states.size(2))  # (T, N, H) -> (T*N, H); a copy if expanded
    if torch.is_grad_enabled():
        flat = flat.index_fill(0, rows, value)
    else:
        flat = flat.index_fill_(0, rows, value)
    return flat.view(states.size())


def _at(states: Tensor, step: Tensor) -> Tensor:
    """(T, N, X), (N,) -> (N, X)"""
    return states.gather(0, step.view(1, -1, 1).expand(-1, -1, states.size(2))).squeeze(0)
