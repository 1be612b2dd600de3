"""Gradients of masked attention on this GPU: as PyTorch comes, through cuDNN, and as training sets it.

cuDNN's go to NaN on Hopper at lengths 64 beyond a multiple of 128 where all of a row's scores are far below
zero (torch 2.11 to 2.13, https://github.com/pytorch/pytorch/issues/196678).
"""

import json
import math

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from quant_triage.training._sft import prepare

WIDTH = 128
LENGTHS = (128, 192, 256, 320)


def lost(length: int) -> int:
    """Return how many of the queries' gradients are no numbers, with every score near -120."""
    torch.manual_seed(0)
    q, k, v = (0.1 * torch.randn(1, 1, length, WIDTH, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    q[..., 0], k[..., 0] = 1.0, -120 * math.sqrt(WIDTH)
    mask = torch.ones(length, length, dtype=torch.bool, device="cuda").tril()[None, None]
    for tensor in (q, k, v):
        tensor.requires_grad_()
    out = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    out.backward(torch.randn_like(out))  # type: ignore[no-untyped-call]
    assert q.grad is not None
    return int((~torch.isfinite(q.grad)).sum())


found = {"as PyTorch comes": [lost(length) for length in LENGTHS]}
with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
    found["cuDNN"] = [lost(length) for length in LENGTHS]
prepare()
found["as training sets it"] = [lost(length) for length in LENGTHS]
enabled: bool = torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
print(json.dumps({"lengths": LENGTHS, "lost": found, "cuDNN attention on": enabled}))
