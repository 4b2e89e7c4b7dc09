"""How the recurrent layers of a loaded network compute on this processor.

Two things, neither of which is in the file (docs/decisions/0014-forward-pass.md): their weights are
laid out once as oneDNN wants them, not at every forward pass, and where the processor multiplies
bfloat16 at twice the rate of float32 they do that, with sums and cell states in float32. The word
vectors are then brought to that form once as well.

Layers say in `packed` and `narrow`, networks in `ready`, that they know of this
(training/model.py). Other cells than LSTMs, layers that know nothing of it, and all where torch has
no oneDNN compute as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


def pack(module: torch.nn.Module) -> None:
    """Lay out the weights of its LSTMs, in float32."""
    _set_ready(module, [])
    if torch.backends.mkldnn.is_available():
        for layer in _lstms(module):
            _lay_out(layer, torch.float32)


@contextmanager
def unpacked(module: torch.nn.Module) -> Iterator[None]:
    """A file holds no layout of one processor."""
    layers = [(layer, layer.packed, getattr(layer, "narrow", False)) for layer in _lstms(module)]
    ready = getattr(module, "ready", [])
    for layer, _, _ in layers:
        _set(layer, [], narrow=False)
    _set_ready(module, [])
    try:
        yield
    finally:
        for layer, packed, narrow in layers:
            _set(layer, packed, narrow=narrow)
        _set_ready(module, ready)


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself; elsewhere that is far slower."""
    return torch.backends.mkldnn.is_available() and torch.cpu._is_avx512_bf16_supported()


def to_bfloat16(module: Any) -> bool:
    """Have its LSTMs multiply in bfloat16.

    Returns:
        Whether it has any that can.
    """
    layers = [layer for layer in _lstms(module) if hasattr(layer, "narrow")]
    for layer in layers:
        _lay_out(layer, torch.bfloat16)
    if layers:
        units = layers[0].forwards.weight_hh_l0.size(1)
        _set_ready(module, [_widened(module.vectors.to(torch.bfloat16), units)])
    return bool(layers)


def _lstms(module: torch.nn.Module) -> list[Any]:
    layers: list[Any] = [layer for layer in module.modules() if hasattr(layer, "packed")]
    return [layer for layer in layers if layer.forwards.original_name == "LSTM"]


def _lay_out(layer: Any, dtype: torch.dtype) -> None:
    ways = [layer.forwards, layer.backwards] if layer.two_way else [layer.forwards]
    packed = [weight for way in ways for weight in _packed(way, dtype)]
    _set(layer, packed, narrow=dtype == torch.bfloat16)


def _packed(lstm: Any, dtype: torch.dtype) -> list[torch.Tensor]:
    inputs, states = lstm.weight_ih_l0.detach().to(dtype), lstm.weight_hh_l0.detach().to(dtype)
    if dtype == torch.bfloat16:
        inputs = _widened(inputs, states.size(1))  # as training/model.py does what they read
    like = [20, 1, inputs.size(1)]  # (T, N, E); other sizes are answered with the same layout
    laid_out = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(
        inputs, states, states.size(1), False, True, False, like
    )
    return [*laid_out, lstm.bias_ih_l0.detach(), lstm.bias_hh_l0.detach()]


def _widened(vectors: torch.Tensor, units: int) -> torch.Tensor:
    """(X, E), or (X, E + 2) with two zeros if vectors would be as wide as states."""
    return torch.nn.functional.pad(vectors, (0, 2)) if vectors.size(1) == units else vectors


def _set(layer: Any, packed: list[torch.Tensor], *, narrow: bool) -> None:
    layer.packed = packed
    if hasattr(layer, "narrow"):
        layer.narrow = narrow


def _set_ready(module: Any, ready: list[torch.Tensor]) -> None:
    if hasattr(module, "ready"):
        module.ready = ready
