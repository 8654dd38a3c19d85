"""The secured kinds for sequences: LSTM, GRU and attention, with their optional arguments."""
from typing import Any, List, Optional, Tuple

import torch

from .errors import InvalidArgument, Unsupported
from .secured import Example, Secured

nn = torch.nn


class _Recurrent(Secured):
    """Batched, with the batch where the module has it; states are always given to the operator."""

    @classmethod
    def refusal(cls, module) -> Optional[str]:
        return "proj_size is not supported" if module.proj_size else None

    @classmethod
    def examples(cls, module) -> List[Example]:
        like = {"dtype": module.weight_ih_l0.dtype}
        layers = module.num_layers * (2 if module.bidirectional else 1)
        sides = (2, 3) if module.batch_first else (3, 2)
        return [("input", torch.randn(*sides, module.input_size, **like), (0, 1))] + [
            (name, torch.randn(layers, 2, module.hidden_size, **like), (1,)) for name in cls.states]

    states: Tuple[str, ...] = ()

    def flatten_parameters(self) -> None:
        """Nothing to do: the parameters are not here."""

    def run(self, input: torch.Tensor, states: Optional[Tuple[torch.Tensor, ...]]) -> Tuple[torch.Tensor, Tuple[torch.Tensor, ...]]:
        if isinstance(input, nn.utils.rnn.PackedSequence):
            raise Unsupported(f"{self._path} is given a PackedSequence, which a secured {self.kind.__name__} does not take",
                              hint="give the padded tensor, or have the model served whole: torchkeep.protect")
        if input.dim() not in (2, 3) or input.shape[-1] != self.input_size:
            raise InvalidArgument(f"{self._path} takes 2 or 3 sides, the last {self.input_size}, not {list(input.shape)}")
        batch_at, batched = 0 if self.batch_first else 1, input.dim() == 3
        if not batched:
            input = input.unsqueeze(batch_at)
            states = states and tuple(state.unsqueeze(1) for state in states)
        layers = self.num_layers * (2 if self.bidirectional else 1)
        if states is None:
            states = tuple(input.new_zeros(layers, input.shape[batch_at], self.hidden_size) for _ in self.states)
        output, *ended = self.ask(["output", *(f"last_{name}" for name in self.states)], input=input, **dict(zip(self.states, states)))
        if not batched:
            output, ended = output.squeeze(batch_at), [state.squeeze(1) for state in ended]
        return output, tuple(ended)


class LSTM(_Recurrent):
    kind, states = nn.LSTM, ("h", "c")
    outputs = (("output", (0, 1)), ("last_h", (1,)), ("last_c", (1,)))

    @classmethod
    def body(cls, module) -> nn.Module:
        return _LstmBody(module)

    def forward(self, input: torch.Tensor, hx: Optional[Tuple[torch.Tensor, torch.Tensor]] = None) -> Any:
        return self.run(input, hx)


class GRU(_Recurrent):
    kind, states = nn.GRU, ("h",)
    outputs = (("output", (0, 1)), ("last_h", (1,)))

    def forward(self, input: torch.Tensor, hx: Optional[torch.Tensor] = None) -> Any:
        output, (last,) = self.run(input, None if hx is None else (hx,))
        return output, last


class _LstmBody(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, input, h, c):
        output, (last_h, last_c) = self.module(input, (h, c))
        return output, last_h, last_c


class _AttentionBody(nn.Module):
    """[batch, length, width] each, and a mask that is added to the scores: [batch or 1, heads or 1, targets or 1, sources or 1]."""

    def __init__(self, module):
        super().__init__()
        width, self.heads = module.embed_dim, module.num_heads
        weights = module.in_proj_weight.chunk(3) if module.in_proj_weight is not None else (
            module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        self.projections = nn.ModuleList(nn.Linear(weight.shape[1], width, bias=module.in_proj_bias is not None,
                                                   dtype=weight.dtype) for weight in weights)
        with torch.no_grad():
            for i, (to, weight) in enumerate(zip(self.projections, weights)):
                to.weight.copy_(weight)
                if module.in_proj_bias is not None:
                    to.bias.copy_(module.in_proj_bias.chunk(3)[i])
        self.out, self.scale = module.out_proj, float(width // self.heads) ** -0.5

    def forward(self, query, key, value, mask):
        q, k, v = (to(x).reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)
                   for to, x in zip(self.projections, (query, key, value)))
        weights = torch.softmax(torch.matmul(q * self.scale, k.transpose(2, 3)) + mask, -1)
        answer = torch.matmul(weights, v).transpose(1, 2).reshape(query.shape[0], query.shape[1], -1)
        return self.out(answer), weights


class MultiheadAttention(Secured):
    kind = nn.MultiheadAttention
    outputs = (("output", (0, 1)), ("weights", (0, 2, 3)))

    def __init__(self, module, path, call):
        super().__init__(module, path, call)
        # So that transformer layers leave their fused path, which wants parameters; those of PyTorch 2.x ask for the bias first.
        object.__setattr__(self, "_qkv_same_embed_dim", False)
        object.__setattr__(self, "in_proj_bias", None)

    @classmethod
    def refusal(cls, module) -> Optional[str]:
        if module.bias_k is not None or module.add_zero_attn:
            return "add_bias_kv and add_zero_attn are not supported"
        return None

    @classmethod
    def body(cls, module) -> nn.Module:
        return _AttentionBody(module)

    @classmethod
    def examples(cls, module) -> List[Example]:
        like = {"dtype": module.out_proj.weight.dtype}
        return [("query", torch.randn(2, 3, module.embed_dim, **like), (0, 1)),
                ("key", torch.randn(2, 4, module.kdim, **like), (0, 1)), ("value", torch.randn(2, 4, module.vdim, **like), (0, 1)),
                ("mask", torch.randn(2, module.num_heads, 3, 4, **like), (0, 1, 2, 3))]

    @classmethod
    def grown(cls, examples) -> List[torch.Tensor]:
        return [*super().grown(examples[:3]), examples[3][1].new_zeros(1, 1, 1, 1)]  # the number of heads is no caller's choice

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
                key_padding_mask: Optional[torch.Tensor] = None, need_weights: bool = True,
                attn_mask: Optional[torch.Tensor] = None, average_attn_weights: bool = True, is_causal: bool = False) -> Any:
        if is_causal and attn_mask is None:  # PyTorch 2.x: a hint that the mask is causal, which changes no answer
            raise InvalidArgument(f"{self._path}: is_causal=True wants its attn_mask too")
        batched = query.dim() == 3
        if not batched:
            query, key, value = (x.unsqueeze(0) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        mask = self._mask(query, attn_mask, key_padding_mask)
        answers = self.ask(["output", "weights"] if need_weights else ["output"], query=query, key=key, value=value, mask=mask)
        output, weights = answers[0], answers[1] if need_weights else None
        if weights is not None and average_attn_weights:
            weights = weights.mean(dim=1)
        if not batched:
            return output.squeeze(0), None if weights is None else weights.squeeze(0)
        return output if self.batch_first else output.transpose(0, 1), weights

    def _mask(self, query: torch.Tensor, attention: Optional[torch.Tensor], padding: Optional[torch.Tensor]) -> torch.Tensor:
        mask = query.new_zeros(1, 1, 1, 1)
        if attention is not None:
            each = _additive(attention, query)
            if each.dim() not in (2, 3):
                raise InvalidArgument(f"{self._path}: attn_mask has {each.dim()} sides; 2 or 3 are wanted")
            mask = mask + (each[None, None] if each.dim() == 2 else each.reshape(-1, self.num_heads, *each.shape[1:]))
        if padding is not None:
            mask = mask + _additive(padding, query)[:, None, None, :]
        return mask


def _additive(mask: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A mask of PyTorch's (True or a byte other than 0 hides; numbers are added) as numbers to add."""
    if mask.is_floating_point():
        return mask.to(like.dtype)
    return like.new_zeros(mask.shape).masked_fill(mask.bool(), float("-inf"))


KINDS = (LSTM, GRU, MultiheadAttention)
