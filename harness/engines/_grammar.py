"""llama.cpp's grammar sampler for one sequence: the likeliest token of those that the grammar allows."""

import ctypes

import llama_cpp as C  # noqa: N812 - the C interface, as its own documentation writes it
import numpy as np
from numpy.typing import NDArray

from quant_triage.data import ModelError

from ._llama import Model

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Grammar:
    """Where one answer stands in its grammar.

    Args:
        model: Whose vocabulary.
        gbnf: The grammar.

    Raises:
        ModelError: llama.cpp cannot read the grammar.
    """

    def __init__(self, model: Model, gbnf: str):
        self._sampler = C.llama_sampler_init_grammar(model.vocab, gbnf.encode(), b"root")
        if not self._sampler:
            raise ModelError("not_loaded", "llama.cpp cannot read the grammar of the answer")
        self._all = np.zeros(model.n_vocab, dtype=_CANDIDATE)
        self._all["id"] = np.arange(model.n_vocab, dtype=np.int32)

    def choose(self, values: NDArray[np.float32], best: int) -> int:
        """Take the likeliest allowed token and step on.

        Args:
            values: The logits, ``[n_vocab]``.
            best: Their maximum's index: mostly allowed, and then nothing else need be looked at.

        Raises:
            ModelError: The grammar allows no token of the vocabulary.
        """
        if not len(self._allowed(self._all[best : best + 1].copy(), values[best : best + 1])):
            allowed = self._allowed(self._all.copy(), values)
            if not len(allowed):
                raise ModelError("crashed", "no token of its vocabulary fits the grammar of the answer")
            best = int(allowed["id"][allowed["logit"].argmax()])
        C.llama_sampler_accept(self._sampler, best)
        return best

    def _allowed(self, candidates: NDArray[np.void], values: NDArray[np.float32]) -> NDArray[np.void]:
        candidates["logit"] = values
        pointer = candidates.ctypes.data_as(ctypes.POINTER(C.llama_token_data))
        array = C.llama_token_data_array(data=pointer, size=len(candidates), selected=-1, sorted=False)
        C.llama_sampler_apply(self._sampler, ctypes.byref(array))
        allowed: NDArray[np.void] = candidates[np.isfinite(candidates["logit"])]
        return allowed

    def close(self) -> None:
        """Free the sampler."""
        C.llama_sampler_free(self._sampler)
