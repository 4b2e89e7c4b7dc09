"""The network: its shapes, where its states start and end, and padding that never matters."""

from __future__ import annotations

import zipfile
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from service.bundle import save_bundle, script
from training.config import NetworkConfig
from training.model import (
    BundledNetwork,
    RecurrentLayer,
    SentimentNetwork,
    turned_round,
)

CELLS = ("lstm", "gru", "rnn")
LETTERS = "helo"
PAD = 0
LENGTHS = [5, 1, 9, 3, 9, 2]


def one_hot(words: list[str]) -> Tensor:
    """Words of one length to (T, N, 4): `["he"]` -> `[[[1, 0, 0, 0]], [[0, 1, 0, 0]]]`."""
    places = torch.tensor([[LETTERS.index(letter) for letter in word] for word in words])
    return nn.functional.one_hot(places.t(), len(LETTERS)).float()


@pytest.fixture
def letters() -> Tensor:
    """Three by five: every run of three letters in "hellohe", (T=3, N=5, 4)."""
    return one_hot(["hel", "ell", "llo", "loh", "ohe"])


FULL = torch.full((5,), 3)


def layer_of(cell: str, *, directions: int, seed: int = 1) -> RecurrentLayer:
    torch.manual_seed(seed)
    return RecurrentLayer(cell, 4, 2, directions).eval()


def network_of(
    *, seed: int = 1, classes: int = 3, vocabulary_size: int = 20, **knobs: object
) -> SentimentNetwork:
    torch.manual_seed(seed)
    return SentimentNetwork(
        NetworkConfig(embedding_size=6, hidden_size=5, **knobs),
        vocabulary_size=vocabulary_size,
        classes=classes,
        pad_id=PAD,
    ).eval()


def texts_of(lengths: list[int], steps: int) -> Tensor:
    """Random ids (T, N), with padding behind each text."""
    ids = torch.randint(1, 20, (steps, len(lengths)), generator=torch.Generator().manual_seed(3))
    return ids.masked_fill(torch.arange(steps).unsqueeze(1) >= torch.tensor(lengths), PAD)


# --- the recurrent layer --------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_three_by_five_letters_give_the_shapes_of_the_introduction(letters, cell):
    assert letters.shape == (3, 5, 4)
    states, last = layer_of(cell, directions=1)(letters, FULL)
    assert (states.shape, last.shape) == ((3, 5, 2), (1, 5, 2))
    assert (states.dtype, last.dtype) == (torch.float32, torch.float32)


@pytest.mark.parametrize("cell", CELLS)
def test_two_directions_stand_side_by_side(letters, cell):
    states, last = layer_of(cell, directions=2)(letters, FULL)
    assert (states.shape, last.shape) == ((3, 5, 4), (2, 5, 2))


@pytest.mark.parametrize(
    ("cell", "by_hand"),
    [
        pytest.param("lstm", nn.LSTMCell, id="lstm"),
        pytest.param("gru", nn.GRUCell, id="gru"),
        pytest.param("rnn", nn.RNNCell, id="rnn"),
    ],
)
def test_the_state_starts_at_zeros(letters, cell, by_hand):
    layer = layer_of(cell, directions=1)
    one_step = by_hand(4, 2)
    one_step.load_state_dict(
        {name.removesuffix("_l0"): w for name, w in layer.forwards.state_dict().items()}
    )
    zeros = torch.zeros(5, 2)
    state = one_step(letters[0], (zeros, zeros) if cell == "lstm" else zeros)
    expected = state[0] if cell == "lstm" else state
    torch.testing.assert_close(layer(letters, FULL)[0][0], expected)


def test_a_call_leaves_nothing_behind_for_the_next(letters):
    layer = layer_of("lstm", directions=2)
    first = layer(letters, FULL)
    layer(letters.flip(0), FULL)
    torch.testing.assert_close(layer(letters, FULL), first, rtol=0, atol=0)


@pytest.mark.parametrize("cell", CELLS)
def test_the_last_state_is_that_of_the_last_token_and_not_of_the_padding(cell):
    layer = layer_of(cell, directions=2)
    padded = torch.cat([one_hot(["he"]), one_hot(["lo"])])  # "he", and "lo" where padding stands
    states, last = layer(padded, torch.tensor([2]))
    alone_states, alone_last = layer(one_hot(["he"]), torch.tensor([2]))
    torch.testing.assert_close(last, alone_last)
    torch.testing.assert_close(states[:2], alone_states)
    torch.testing.assert_close(last[0], states[1, :, :2])  # forwards it is at the last token
    torch.testing.assert_close(last[1], states[0, :, 2:])  # backwards at the first


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_weights_are_used_at_every_step(cell):
    layer = layer_of(cell, directions=1)
    longer, _ = layer(one_hot(["hello"]), torch.tensor([5]))
    for steps in range(1, 5):
        shorter, _ = layer(one_hot(["hello"[:steps]]), torch.tensor([steps]))
        torch.testing.assert_close(shorter, longer[:steps])


@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_are_those_of_torch_on_packed_sequences(cell):
    layer = layer_of(cell, directions=2)
    theirs = type(layer.forwards)(4, 2, bidirectional=True)
    theirs.load_state_dict(
        layer.forwards.state_dict()
        | {f"{name}_reverse": weight for name, weight in layer.backwards.state_dict().items()}
    )
    inputs = torch.randn(7, 4, 4, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([3, 7, 1, 5])
    packed = nn.utils.rnn.pack_padded_sequence(inputs, lengths, enforce_sorted=False)
    packed_states, end = theirs(packed)
    expected, _ = nn.utils.rnn.pad_packed_sequence(packed_states)
    states, last = layer(inputs, lengths)
    torch.testing.assert_close(last, end[0] if cell == "lstm" else end)
    for text, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(states[:length, text], expected[:length, text])


def test_texts_are_turned_round_in_front_of_their_padding():
    order = turned_round(torch.tensor([3, 2]), 3)
    assert order.t().tolist() == [[2, 1, 0], [1, 0, 2]]
    assert turned_round(torch.tensor([1]), 1).tolist() == [[0]]


def test_turning_twice_changes_nothing():
    order = turned_round(torch.tensor(LENGTHS), 9)
    torch.testing.assert_close(order.gather(0, order), torch.arange(9).unsqueeze(1).expand(9, 6))


@pytest.mark.parametrize("layers", [1, 2])
def test_an_lstm_begins_by_remembering(layers):
    network = network_of(layers=layers)
    lstms = [module for module in network.modules() if isinstance(module, nn.LSTM)]
    assert len(lstms) == 2 * layers
    for lstm in lstms:
        gates = (lstm.bias_ih_l0 + lstm.bias_hh_l0).view(4, 5)  # input, forget, cell, output
        assert gates.tolist() == [[0.0] * 5, [1.0] * 5, [0.0] * 5, [0.0] * 5]


# --- the network ----------------------------------------------------------------------------

NETWORKS = [
    pytest.param(
        {"cell": cell, "directions": directions, "pooling": pooling, "layers": layers},
        id=f"{cell}-{directions}-{pooling}-{layers}",
    )
    for cell, directions, pooling, layers in product(
        CELLS, (1, 2), ("last", "max", "mean", "max-mean"), (1, 2)
    )
]


@pytest.mark.parametrize("knobs", NETWORKS)
def test_padding_and_neighbours_never_change_an_answer(knobs):
    network = network_of(**knobs)
    ids = texts_of(LENGTHS, steps=14)
    together = network(ids, torch.tensor(LENGTHS))
    assert (together.shape, together.dtype) == ((len(LENGTHS), 3), torch.float32)
    alone = [
        network(ids[:length, [text]], torch.tensor([length])) for text, length in enumerate(LENGTHS)
    ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("texts", [53, 64, 67])
def test_texts_that_fill_up_a_large_batch_never_change_an_answer(texts, compiled):
    bundled = BundledNetwork(network_of(), 1.0).eval()
    read = script(bundled) if compiled else bundled
    lengths = [1 + n % 9 for n in range(texts)]
    ids = texts_of(lengths, steps=9)
    together = read(ids, torch.tensor(lengths))
    halves = [read(half, sizes) for half, sizes in _in_halves(ids, torch.tensor(lengths))]
    assert together.shape == (texts, 3)
    torch.testing.assert_close(together, torch.cat(halves), rtol=0, atol=1e-6)


def test_texts_that_fill_up_a_large_batch_teach_nothing():
    lengths = torch.tensor([1 + n % 9 for n in range(53)])
    ids = texts_of(lengths.tolist(), steps=9)
    whole, apart = network_of(), network_of()
    whole(ids, lengths).exp().sum().backward()
    for half, sizes in _in_halves(ids, lengths):
        apart(half, sizes).exp().sum().backward()
    for found, expected in zip(whole.parameters(), apart.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-4, atol=1e-5)


def _in_halves(ids: Tensor, lengths: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(ids.tensor_split(2, dim=1), lengths.tensor_split(2), strict=True))


def test_one_text_up_to_many_lengths_is_read_as_so_many_texts():
    network = network_of()
    text = texts_of([60], steps=60)  # (60, 1)
    lengths = torch.arange(1, 61)
    found, expected = network(text, lengths), network(text.expand(-1, 60), lengths)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_what_stands_in_the_padding_does_not_matter_either():
    network = network_of()
    ids, lengths = texts_of(LENGTHS, steps=14), torch.tensor(LENGTHS)
    other = torch.where(torch.arange(14).unsqueeze(1) >= lengths, 7, ids)
    torch.testing.assert_close(network(other, lengths), network(ids, lengths), rtol=0, atol=1e-5)


@pytest.mark.parametrize("knobs", NETWORKS)
def test_every_weight_takes_part(knobs):
    network = network_of(**knobs)
    network(texts_of(LENGTHS, steps=9), torch.tensor(LENGTHS)).square().sum().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_the_order_of_the_words_changes_the_answer():
    network = network_of()
    ids = texts_of([9], steps=9)
    ahead, back = network(ids, torch.tensor([9])), network(ids.flip(0), torch.tensor([9]))
    assert (ahead - back).abs().max() > 1e-4


def test_padding_has_a_vector_of_zeros_and_learns_none():
    network = network_of()
    network(texts_of(LENGTHS, steps=14), torch.tensor(LENGTHS)).sum().backward()
    assert not network.embedding.weight[PAD].any()
    assert not network.embedding.weight.grad[PAD].any()


def test_dropout_is_for_training_alone():
    network = network_of()
    ids, lengths = texts_of(LENGTHS, steps=9), torch.tensor(LENGTHS)
    torch.testing.assert_close(network(ids, lengths), network(ids, lengths), rtol=0, atol=0)
    network.train()
    assert not torch.equal(network(ids, lengths), network(ids, lengths))


# --- as a bundle holds it -------------------------------------------------------------------


@torch.inference_mode()
@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param({"cell": "lstm"}, id="lstm"),
        pytest.param({"cell": "gru", "pooling": "last"}, id="gru-last"),
        pytest.param({"cell": "rnn", "pooling": "mean"}, id="rnn-mean"),
        pytest.param({"directions": 1, "pooling": "max"}, id="lstm-1-max"),
        pytest.param({"directions": 1, "layers": 2, "pooling": "last"}, id="lstm-1-last-2"),
        pytest.param({"layers": 2}, id="lstm-2-layers"),
    ],
)
def test_torchscript_answers_as_the_network_does(knobs):
    bundled = BundledNetwork(network_of(**knobs), 1.5).eval()
    ids, lengths = texts_of(LENGTHS, steps=9), torch.tensor(LENGTHS)
    compiled = script(bundled)
    for _ in range(3):  # TorchScript optimises during the first calls
        torch.testing.assert_close(compiled(ids, lengths), bundled(ids, lengths), rtol=0, atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_probabilities_add_up_to_one_at_any_temperature(temperature):
    network = network_of()
    ids, lengths = texts_of(LENGTHS, steps=9), torch.tensor(LENGTHS)
    found = BundledNetwork(network, temperature).eval()(ids, lengths)
    assert (found.shape, found.dtype) == ((len(LENGTHS), 3), torch.float32)
    torch.testing.assert_close(found.sum(1), torch.ones(len(LENGTHS)))
    # The word vectors of `network` are rounded by now, so both answer alike.
    torch.testing.assert_close(found, torch.softmax(network(ids, lengths) / temperature, dim=1))


def test_word_vectors_rest_in_float16():
    network = network_of()
    exact = network.embedding.weight.detach().clone()
    bundled = BundledNetwork(network, 1.0)
    assert bundled.vectors.dtype == torch.float16
    torch.testing.assert_close(bundled.vectors, exact.half(), rtol=0, atol=0)
    torch.testing.assert_close(network.embedding.weight, bundled.vectors.float(), rtol=0, atol=0)


def test_a_bundle_holds_the_word_vectors_once(tiny_bundle, tokenizer, tmp_path):
    save_bundle(tmp_path / "tiny.pt", tiny_bundle)
    with zipfile.ZipFile(tmp_path / "tiny.pt") as archive:
        tensors = sum(
            record.file_size
            for record in archive.infolist()
            if record.filename.partition("/")[2].startswith(("data/", "constants/"))
        )
    lstm = 4 * 8 * (8 + 8 + 2)  # weights and both biases of one direction
    reader = 2 * lstm + 2 * 4 * 8 + 2  # two directions; (2, 32) and (2,) for the classes
    assert tensors == 2 * 8 * len(tokenizer) + 4 * reader + 4  # float16; float32; temperature


# --- many-to-many ---------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "max-mean"])
@pytest.mark.parametrize(
    ("cell", "directions", "layers"),
    [
        pytest.param("lstm", 2, 1, id="both ways"),
        pytest.param("gru", 1, 1, id="one way"),
        pytest.param("rnn", 2, 2, id="two layers"),
    ],
)
def test_one_text_with_several_lengths_is_answered_up_to_each(pooling, cell, directions, layers):
    network = network_of(pooling=pooling, cell=cell, directions=directions, layers=layers)
    scripted = script(BundledNetwork(network, temperature=1.5))
    text = texts_of([7], 7)  # (7, 1)
    lengths = torch.tensor([7, 1, 4])
    running = scripted(text, lengths)  # (3, K)
    alone = [scripted(text[:length], torch.tensor([length])) for length in (7, 1, 4)]
    torch.testing.assert_close(running, torch.cat(alone), atol=1e-6, rtol=0)
