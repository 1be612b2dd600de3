"""llama.cpp through its C interface: load a model, tokenize, make a context, say what went wrong."""

import ctypes
from collections import deque
from pathlib import Path
from typing import ClassVar

import llama_cpp as C  # noqa: N812 - the C interface, as its own documentation writes it
import numpy as np
from numpy.typing import NDArray

from quant_triage.data import ModelError

Tokens = NDArray[np.int32]

# ggml.h; the levels in llama-cpp-python's own logger are out of date.
_WARNING, _ERROR = 3, 4
# Largest batch in one graph. Prompts are short; more would cost memory and gain nothing on a CPU.
BATCH = 512
MAX_SLOTS = 255  # llama.cpp keeps 256 sequences; one holds the shared prefix


class Log:
    """Swallows llama.cpp's messages and keeps its last errors and warnings, to explain a failure."""

    _installed: ClassVar[object] = None  # llama.cpp calls it until another is set: it outlives this object

    def __init__(self) -> None:
        self.lines: deque[tuple[int, str]] = deque(maxlen=50)

        def keep(level: int, text: bytes, _data: object) -> None:
            line = text.decode("utf-8", errors="replace").strip()
            if level in {_WARNING, _ERROR} and line:
                self.lines.append((level, line))

        callback = C.llama_log_callback(keep)
        C.llama_log_set(callback, ctypes.c_void_p(0))
        Log._installed = callback

    def cause(self, default: str) -> str:
        """The most telling line: the first error (later ones only say that loading failed)."""
        errors = [line for level, line in self.lines if level == _ERROR]
        return errors[0] if errors else default


def _no_progress(_share: float, _data: object) -> bool:
    return True


class Model:
    """A loaded model and its vocabulary.

    Args:
        path: GGUF file.
        gpu_layers: Layers on the GPU, -1 for all. Without a GPU it has no effect.
        use_extra_bufts: Whether weights may be repacked for this processor.

    Raises:
        ModelError: llama.cpp refuses the file; says why.
    """

    def __init__(self, path: Path, *, gpu_layers: int, use_extra_bufts: bool, log: Log):
        self._log = log
        C.llama_backend_init()
        params = C.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.use_extra_bufts = use_extra_bufts
        # The default callback prints dots.
        self._progress = C.llama_progress_callback(_no_progress)
        params.progress_callback = self._progress
        self.handle = C.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            raise ModelError("not_loaded", log.cause("llama.cpp gave no reason"))
        if C.llama_model_has_encoder(self.handle) or not C.llama_model_has_decoder(self.handle):
            raise ModelError("not_loaded", "it is not a decoder-only model")
        self.vocab = C.llama_model_get_vocab(self.handle)
        self.n_vocab: int = C.llama_vocab_n_tokens(self.vocab)
        self.n_ctx_train: int = C.llama_model_n_ctx_train(self.handle)
        is_end = C.llama_vocab_is_eog
        self.ends: NDArray[np.bool_] = np.array(
            [is_end(self.vocab, token) for token in range(self.n_vocab)], dtype=np.bool_
        )
        self._pieces: dict[int, bytes] = {}

    @property
    def divisible(self) -> bool:
        """Whether a part of a sequence can be shared: a recurrent state knows only its end."""
        return not (C.llama_model_is_recurrent(self.handle) or C.llama_model_is_hybrid(self.handle))

    @property
    def template(self) -> str | None:
        """The chat template in the file's metadata."""
        source = C.llama_model_chat_template(self.handle, None)
        return source.decode("utf-8", errors="replace") if source else None

    @property
    def bos(self) -> str:
        """Text of the token that begins a text, or an empty string."""
        return self._special(C.llama_vocab_bos(self.vocab))

    @property
    def eos(self) -> str:
        """Text of the token that ends a text, or an empty string."""
        return self._special(C.llama_vocab_eos(self.vocab))

    def _special(self, token: int) -> str:
        return C.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace") if token >= 0 else ""

    def tokenize(self, text: str) -> Tokens:
        """Tokens of a rendered prompt; the beginning-of-text token once, where the model wants one."""
        data = text.encode()
        room = len(data) + 8
        tokens = np.empty(room, dtype=np.int32)
        pointer = tokens.ctypes.data_as(C.llama_token_p)
        count = C.llama_tokenize(self.vocab, data, len(data), pointer, room, False, True)
        if count < 0:
            raise ModelError("not_loaded", f"llama.cpp could not tokenize a prompt of {len(data)} bytes")
        begin = C.llama_vocab_bos(self.vocab)
        if C.llama_vocab_get_add_bos(self.vocab) and (count == 0 or tokens[0] != begin):
            return np.concatenate([np.array([begin], dtype=np.int32), tokens[:count]])
        return tokens[:count].copy()

    def text(self, tokens: Tokens) -> str:
        """Text of a whole reply. Bytes are joined first: one character may span several tokens.

        Control tokens have no text, as in every runtime that people deploy.
        """
        return b"".join(map(self._piece, tokens.tolist())).decode("utf-8", errors="replace")

    def _piece(self, token: int) -> bytes:
        piece = self._pieces.get(token)
        if piece is None:
            room = 64
            buffer = ctypes.create_string_buffer(room)
            length = C.llama_token_to_piece(self.vocab, token, buffer, room, 0, False)
            if length < 0:
                room = -length
                buffer = ctypes.create_string_buffer(room)
                length = C.llama_token_to_piece(self.vocab, token, buffer, room, 0, False)
            piece = self._pieces[token] = buffer.raw[:length]
        return piece

    def context(self, *, cells: int, sequences: int, threads: int) -> int:
        """Make a context that holds ``cells`` tokens of all sequences together.

        Raises:
            ModelError: There is not enough memory, or the model forbids it.
        """
        params = C.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = BATCH
        params.n_seq_max = sequences
        # Otherwise the graph reserves room for logits at every position of a batch.
        params.n_outputs_max = sequences
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        params.swa_full = True
        params.no_perf = True
        handle = C.llama_init_from_model(self.handle, params)
        if not handle:
            raise ModelError(
                "not_loaded", self._log.cause(f"llama.cpp could not make a context of {cells} tokens")
            )
        return int(handle)


class Batch:
    """A ``llama_batch`` over NumPy arrays, filled by slices instead of token by token."""

    def __init__(self) -> None:
        self.token = np.zeros(BATCH, dtype=np.int32)
        self.position = np.zeros(BATCH, dtype=np.int32)
        self.sequence = np.zeros(BATCH, dtype=np.int32)
        self.wanted = np.zeros(BATCH, dtype=np.int8)
        self._ones = np.ones(BATCH, dtype=np.int32)
        step = self.sequence.itemsize
        self._rows = self.sequence.ctypes.data + step * np.arange(BATCH, dtype=np.uintp)
        self._batch = C.llama_batch(
            n_tokens=0,
            token=self.token.ctypes.data_as(ctypes.POINTER(C.llama_token)),
            embd=None,
            pos=self.position.ctypes.data_as(ctypes.POINTER(C.llama_pos)),
            n_seq_id=self._ones.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=self._rows.ctypes.data_as(ctypes.POINTER(ctypes.POINTER(C.llama_seq_id))),
            logits=self.wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )
        self.used = 0

    @property
    def free(self) -> int:
        """Tokens that still fit."""
        return BATCH - self.used

    def clear(self) -> None:
        """Start over."""
        self.used = 0

    def add(
        self, tokens: Tokens, positions: Tokens, sequences: Tokens | int, *, want: bool | NDArray[np.bool_]
    ) -> None:
        """Append tokens; ``want`` marks those whose logits are needed."""
        place = slice(self.used, self.used + len(tokens))
        self.token[place] = tokens
        self.position[place] = positions
        self.sequence[place] = sequences
        self.wanted[place] = want
        self.used = place.stop

    def decode(self, context: int) -> int:
        """Run the model over the batch; returns llama.cpp's code, 0 for success."""
        self._batch.n_tokens = self.used
        return int(C.llama_decode(context, self._batch))


class Sampler:
    """llama.cpp's own sampler chain for one sequence: top-k, top-p, temperature, then a seeded draw."""

    def __init__(self, *, temperature: float, top_k: int, top_p: float, seed: int):
        self._chain = C.llama_sampler_chain_init(C.llama_sampler_chain_default_params())
        for part in (
            C.llama_sampler_init_top_k(top_k),
            C.llama_sampler_init_top_p(top_p, 1),
            C.llama_sampler_init_temp(temperature),
            C.llama_sampler_init_dist(seed),
        ):
            C.llama_sampler_chain_add(self._chain, part)

    def draw(self, context: int, index: int) -> int:
        """Draw the next token from the logits of the batch's token ``index``."""
        return int(C.llama_sampler_sample(self._chain, context, index))

    def close(self) -> None:
        """Free the chain and its samplers."""
        C.llama_sampler_free(self._chain)


def logits(context: int, rows: int, n_vocab: int) -> NDArray[np.float32]:
    """A view, not a copy, of the logits that the last batch asked for, in the order of the batch."""
    address = ctypes.cast(C.llama_get_logits(context), ctypes.c_void_p).value
    if address is None:
        raise ModelError("crashed", "llama.cpp returned no logits")
    return np.ctypeslib.as_array((ctypes.c_float * (rows * n_vocab)).from_address(address)).reshape(
        rows, n_vocab
    )


def free(context: int, model: Model) -> None:
    """Give back a context and its model."""
    C.llama_free(context)
    C.llama_model_free(model.handle)


class Memory:
    """The key-value cache of a context, by sequence."""

    def __init__(self, context: int):
        self._memory = C.llama_get_memory(context)

    def share(self, source: int, target: int, count: int) -> None:
        """Let ``target`` begin with the first ``count`` tokens of ``source``; nothing is copied."""
        C.llama_memory_seq_cp(self._memory, source, target, 0, count)

    def forget(self, sequence: int) -> None:
        """Drop a sequence."""
        C.llama_memory_seq_rm(self._memory, sequence, -1, -1)
