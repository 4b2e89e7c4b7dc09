"""In which precision a step is computed."""

from __future__ import annotations

import torch

from service.bundle import has_bfloat16


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 products where the processor has them, float32 elsewhere; weights and sums stay
    float32. bfloat16 has the range of float32, so that the loss needs no scaling.

    https://docs.pytorch.org/docs/stable/amp.html
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=_has_bfloat16(device))


def _has_bfloat16(device: torch.device) -> bool:
    """Without it in hardware, bfloat16 is far slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return has_bfloat16()
