"""A model and a context of llama.cpp, to run text through and look at what comes out; for child processes."""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import llama_cpp as C  # noqa: N812 - the C interface, as its own documentation writes it
import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]
Logits = NDArray[np.float32]
Observe = Callable[[int, bool], bool]
"""llama.cpp's evaluation callback: the tensor's address, and whether it only asks if we want the result."""

_LOGITS_BYTES = 64 << 20
"""Most bytes of logits at once."""
_LARGEST = 512
_SMALLEST = 32


class EngineError(Exception):
    """The model cannot be used; the text says why."""


class Engine:
    """One model with one sequence of at most ``context`` tokens.

    Weights are not repacked (``use_extra_bufts``): some compilers break those kernels, and none of our
    numbers needs their speed.

    Args:
        path: GGUF file.
        context: Most tokens of a sequence.
        threads: Threads.
        log: llama.cpp's messages, for its reason when it refuses.
        observe: Called for every operation, see `Observe`.

    Raises:
        EngineError: llama.cpp refuses the file.
    """

    def __init__(
        self, path: Path, *, context: int, threads: int, log: list[str], observe: Observe | None = None
    ):
        params = C.llama_model_default_params()
        params.n_gpu_layers = 0
        params.use_extra_bufts = False
        self._progress = C.llama_progress_callback(lambda _share, _data: True)
        params.progress_callback = self._progress
        log.clear()
        self._model = C.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise EngineError(_first_error(log) or f"llama.cpp cannot load {path}")
        self._vocab = C.llama_model_get_vocab(self._model)
        self.vocabulary: int = C.llama_vocab_n_tokens(self._vocab)
        self._bos: int = C.llama_vocab_bos(self._vocab)
        self.adds_bos: bool = C.llama_vocab_get_add_bos(self._vocab)
        self.piece = _piece(self.vocabulary)
        settings = C.llama_context_default_params()
        settings.n_ctx = context
        settings.n_batch = settings.n_ubatch = min(self.piece, context)
        settings.n_threads = settings.n_threads_batch = threads
        settings.no_perf = True
        if observe is not None:
            self._observe = C.ggml_backend_sched_eval_callback(
                lambda tensor, ask, _data: observe(tensor, ask)
            )
            settings.cb_eval = self._observe
        self._context = C.llama_init_from_model(self._model, settings)
        if not self._context:
            C.llama_model_free(self._model)
            raise EngineError(_first_error(log) or f"llama.cpp cannot make a context of {context} tokens")
        self._batch = C.llama_batch_init(self.piece, 0, 1)
        self._position = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        C.llama_batch_free(self._batch)
        C.llama_free(self._context)
        C.llama_model_free(self._model)

    def tokens(self, text: str, *, special: bool) -> Tokens:
        """Tokens of a text, with the model's own first token, once.

        Args:
            text: The text.
            special: Whether control tokens are recognised in it, as in a rendered chat template.
        """
        data = text.encode()
        out = np.empty(len(data) + 8, np.int32)
        count = C.llama_tokenize(
            self._vocab, data, len(data), out.ctypes.data_as(C.llama_token_p), len(out), True, special
        )
        if count < 0:
            raise EngineError(f"llama.cpp cannot tokenize a text of {len(data):,} bytes")
        doubled = count > 1 and self.adds_bos and out[0] == out[1] == self._bos
        return out[1 if doubled else 0 : count].copy()

    def pieces(self, tokens: Tokens) -> list[bytes]:
        """Bytes of each token's text; a character may span several."""
        buffer = ctypes.create_string_buffer(256)
        texts = []
        for token in tokens.tolist():
            length = C.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, True)
            texts.append(buffer.raw[: max(0, length)])
        return texts

    def with_bos(self, tokens: Tokens) -> Tokens:
        """Put the model's first token in place of the text's, as llama.cpp's tools do in each chunk."""
        if not self.adds_bos:
            return tokens
        changed = tokens.copy()
        changed[0] = self._bos
        return changed

    def restart(self) -> None:
        """Forget the sequence."""
        C.llama_memory_clear(C.llama_get_memory(self._context), True)
        self._position = 0

    def feed(self, tokens: Tokens, *, logits: bool = True) -> Logits | None:
        """Append at most ``piece`` tokens to the sequence.

        Returns:
            A view of their logits, (tokens, vocabulary), valid until the next call; None unless asked for.

        Raises:
            EngineError: llama.cpp fails, or gives NaN.
        """
        batch, count = self._batch, len(tokens)
        batch.n_tokens = count
        for i, token in enumerate(tokens.tolist()):
            batch.token[i], batch.pos[i] = token, self._position + i
            batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = 1, 0, logits
        if code := C.llama_decode(self._context, batch):
            raise EngineError(f"llama_decode failed with code {code}")
        self._position += count
        if not logits:
            return None
        address = ctypes.cast(C.llama_get_logits(self._context), ctypes.c_void_p).value
        if address is None:
            raise EngineError("llama.cpp returned no logits")
        rows = (ctypes.c_float * (count * self.vocabulary)).from_address(address)
        return np.ctypeslib.as_array(rows).reshape(count, self.vocabulary)


def split(tokens: Tokens, size: int) -> Iterator[Tokens]:
    """Cut a sequence into pieces of at most ``size`` tokens."""
    for start in range(0, len(tokens), size):
        yield tokens[start : start + size]


def _piece(vocabulary: int) -> int:
    """The largest power of two of tokens whose logits fit into memory that is worth taking."""
    fitting = _LOGITS_BYTES // (4 * vocabulary)
    return max(_SMALLEST, min(_LARGEST, 1 << max(0, fitting.bit_length() - 1)))


def _first_error(log: list[str]) -> str:
    lines = (line.strip() for line in "".join(log).splitlines())
    return next((line for line in lines if "error" in line.lower() or "failed" in line.lower()), "")
