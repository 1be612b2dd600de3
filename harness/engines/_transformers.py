"""A checkpoint answered by Transformers, in the child process: to compare base, adapter and merged model.

Slower than llama.cpp by far and needs torch, which nothing else of the harness does; so this module is
imported in the child alone. Requests go in batches of as many as there are slots, longest first.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from quant_triage.data import ModelError

from .._records import Hardware, Request, Sampling
from ._finished import Finished, Meter
from ._seeds import sample_seed
from ._template import ChatTemplate, find_template

_ENDS = ("<end_of_turn>", "<|im_end|>", "<|eot_id|>", "<|end|>")
"""End-of-turn tokens that checkpoints forget to name in their generation config."""


class Checkpoint:
    """A loaded checkpoint.

    Args:
        path: Folder with ``config.json`` and weights.
        adapter: Folder of a LoRA adapter to lay over them, or ``None``.
        sampling: How to sample, and how many side by side.
        hardware: Threads; ``gpu_layers`` other than 0 puts the model on a GPU where there is one.

    Raises:
        ModelError: It does not load.
    """

    def __init__(self, path: Path, adapter: Path | None, sampling: Sampling, hardware: Hardware):
        torch.set_num_threads(hardware.threads)
        self._sampling = sampling
        self._device = "cuda" if hardware.gpu_layers and torch.cuda.is_available() else "cpu"
        home = adapter if adapter and (adapter / "tokenizer_config.json").exists() else path
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(home)
            model, loading = AutoModelForCausalLM.from_pretrained(
                path, dtype="auto", output_loading_info=True
            )
            if adapter is not None:
                from peft import PeftModel  # noqa: PLC0415 - only adapters need it

                model = PeftModel.from_pretrained(model, adapter)
        except Exception as error:  # whatever a checkpoint from anywhere raises, it is that model's fault
            raise ModelError("not_loaded", " ".join(str(error).split())[:300]) from error
        if missing := sorted(loading["missing_keys"]):
            # Transformers makes them up at random, and says so in a log that nobody reads.
            raise ModelError("not_loaded", f"{len(missing)} tensors are missing, such as {missing[0]!r}")
        self._model = model.to(self._device).eval()
        self._template = ChatTemplate(
            find_template([home, path]) or "",
            bos=self._tokenizer.bos_token or "",
            eos=self._tokenizer.eos_token or "",
            system=sampling.system,
        )
        self._ends = self._end_tokens()
        self.meter = Meter()

    def _end_tokens(self) -> set[int]:
        named = self._model.generation_config.eos_token_id
        ends = set(named if isinstance(named, list) else [named]) | {self._tokenizer.eos_token_id}
        known = self._tokenizer.get_vocab()
        return {int(end) for end in ends if end is not None} | {known[end] for end in _ENDS if end in known}

    def run(self, requests: Sequence[Request]) -> Iterator[Finished | str | None]:
        """Answer all requests; yields each reply as its batch ends, and something after every step.

        After a step that is the text so far where there is one request only, else ``None``.

        Raises:
            ModelError: A prompt does not fit, or the logits are not finite.
        """
        self.meter.began = time.perf_counter()
        planned = sorted(((self._encode(request), request) for request in requests), key=lambda p: -len(p[0]))
        for start in range(0, len(planned), self._sampling.slots):
            yield from self._batch(planned[start : start + self._sampling.slots], alone=len(planned) == 1)

    def _encode(self, request: Request) -> list[int]:
        text = self._template.render(request.prompt)
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(tokens) >= self._sampling.context:
            raise ModelError(
                "not_loaded",
                f"prompt {request.prompt_id!r} takes {len(tokens)} tokens and leaves no room for a reply"
                f" in a context of {self._sampling.context}: shorten it or raise the context",
            )
        return tokens

    @torch.inference_mode()
    def _batch(
        self, planned: list[tuple[list[int], Request]], *, alone: bool
    ) -> Iterator[Finished | str | None]:
        began = time.perf_counter()
        longest = max(len(tokens) for tokens, _ in planned)
        limits = [
            min(self._sampling.max_tokens, self._sampling.context - len(tokens)) for tokens, _ in planned
        ]
        pads = [longest - len(tokens) for tokens, _ in planned]
        step = torch.tensor([[0] * pad + tokens for pad, (tokens, _) in zip(pads, planned, strict=True)])
        mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads], device=self._device)
        draws = [self._draw(request) for _, request in planned]
        made: list[list[int]] = [[] for _ in planned]
        going = set(range(len(planned)))
        cache = DynamicCache(config=self._model.config)
        self.meter.prompt_tokens += sum(len(tokens) for tokens, _ in planned)
        while going:
            positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -step.shape[1] :]
            logits = self._model(
                input_ids=step.to(self._device),
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1].float()  # fmt: skip
            self._refuse_nan(logits, going, planned, made)
            self.meter.tick(tokens=len(going))
            step = torch.zeros((len(planned), 1), dtype=torch.long)
            for row in sorted(going):
                token = self._choose(logits[row], draws[row])
                made[row].append(token)
                step[row, 0] = token
                if token in self._ends or len(made[row]) >= limits[row]:
                    going.remove(row)
            mask = torch.cat([mask, mask.new_ones((len(planned), 1))], dim=1)
            yield self._text(made[0]) if alone else None
        for (_, request), tokens in zip(planned, made, strict=True):
            stopped = tokens[-1] in self._ends
            yield Finished(request, self._text(tokens), stopped, len(tokens), time.perf_counter() - began)

    def _text(self, tokens: list[int]) -> str:
        """Text of a reply, or of what there is of it, without the token that ended it."""
        kept = tokens[:-1] if tokens[-1] in self._ends else tokens
        text: str = self._tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _draw(self, request: Request) -> torch.Generator | None:
        """A seeded source of chance for a further sample, ``None`` for a greedy one."""
        if not (self._sampling.temperature > 0 and request.sample > 0):
            return None
        seed = sample_seed(self._sampling.seed, request.prompt, request.sample)
        return torch.Generator().manual_seed(seed)

    def _choose(self, logits: torch.Tensor, draw: torch.Generator | None) -> int:
        """Greedy, or top-k, then top-p, then temperature and a draw, in llama.cpp's order."""
        if draw is None:
            return int(logits.argmax())
        values, tokens = logits.cpu().topk(min(self._sampling.top_k or len(logits), len(logits)))
        shares = values.softmax(-1)
        kept = max(1, int((shares.cumsum(-1) - shares < self._sampling.top_p).sum()))
        chances = (values[:kept] / self._sampling.temperature).softmax(-1)
        return int(tokens[torch.multinomial(chances, 1, generator=draw)])

    @staticmethod
    def _refuse_nan(
        logits: torch.Tensor,
        going: set[int],
        planned: list[tuple[list[int], Request]],
        made: list[list[int]],
    ) -> None:
        for row in going:
            if not torch.isfinite(logits[row].max()):
                where = f"at token {len(made[row]) + 1} in the reply to {planned[row][1].prompt_id!r}"
                raise ModelError("nan", f"the logits are not finite {where}")
