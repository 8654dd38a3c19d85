"""The secured kinds that take one tensor and answer with one: each brings it into the form that its operator has."""
from typing import List, Optional

import torch

from .errors import InvalidArgument, Unsupported
from .secured import Example, Secured

nn = torch.nn


def _shape_error(module: Secured, wanted: str, found: torch.Tensor) -> InvalidArgument:
    return InvalidArgument(f"{module._path} ({module.kind.__name__}) takes {wanted}, not {list(found.shape)}")


class Linear(Secured):
    """[..., in] to [..., out]; the operator's form is [rows, in]."""
    kind = nn.Linear
    outputs = (("output", (0,)),)

    @classmethod
    def examples(cls, module) -> List[Example]:
        return [("input", torch.randn(3, module.in_features, dtype=module.weight.dtype), (0,))]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if input.dim() == 0 or input.shape[-1] != self.in_features:
            raise _shape_error(self, f"[..., {self.in_features}]", input)
        rows = input.reshape(-1, self.in_features) if input.numel() else input.new_zeros(0, self.in_features)
        return self.ask(input=rows).reshape(*input.shape[:-1], self.out_features)


class Embedding(Secured):
    """Indices of any shape to [..., dim]; the operator's form is a row of them."""
    kind = nn.Embedding
    outputs = (("output", (0,)),)

    @classmethod
    def refusal(cls, module) -> Optional[str]:
        return "max_norm changes its parameters when it is called" if module.max_norm is not None else None

    @classmethod
    def examples(cls, module) -> List[Example]:
        return [("input", torch.arange(3) % module.num_embeddings, (0,))]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if input.numel() and (int(input.min()) < 0 or int(input.max()) >= self.num_embeddings):
            raise InvalidArgument(f"{self._path} takes indices from 0 to {self.num_embeddings - 1}")
        rows = self.ask(input=input.reshape(-1).to(torch.int64))
        return rows.reshape(*input.shape, self.embedding_dim)


class _Padded(nn.Module):
    """A convolution whose padding is a word ("same"), which PyTorch's exporter does not know."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        m = self.module
        convolve = {3: nn.functional.conv1d, 4: nn.functional.conv2d, 5: nn.functional.conv3d}[x.dim()]
        padded = nn.functional.pad(x, m._reversed_padding_repeated_twice)
        return convolve(padded, m.weight, m.bias, m.stride, 0, m.dilation, m.groups)


class _Conv(Secured):
    sides = 0

    @classmethod
    def body(cls, module) -> nn.Module:
        return _Padded(module) if isinstance(module.padding, str) and module.padding_mode == "zeros" else module

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if input.dim() not in (self.sides + 1, self.sides + 2) or input.shape[-self.sides - 1] != self.in_channels:
            raise _shape_error(self, f"[batch, {self.in_channels}" + ", size" * self.sides + "]", input)
        if input.dim() == self.sides + 1:
            return self.ask(input=input.unsqueeze(0)).squeeze(0)
        return self.ask(input=input)

    @classmethod
    def examples(cls, module) -> List[Example]:
        sizes = [dilation * (kernel - 1) + 2 + stride for kernel, stride, dilation in
                 zip(module.kernel_size, module.stride, module.dilation)]
        tensor = torch.randn(2, module.in_channels, *sizes, dtype=module.weight.dtype)
        return [("input", tensor, (0, *range(2, 2 + cls.sides)))]


class Conv1d(_Conv):
    kind, sides, outputs = nn.Conv1d, 1, (("output", (0, 2)),)


class Conv2d(_Conv):
    kind, sides, outputs = nn.Conv2d, 2, (("output", (0, 2, 3)),)


class Conv3d(_Conv):
    kind, sides, outputs = nn.Conv3d, 3, (("output", (0, 2, 3, 4)),)


class _ConvTranspose(_Conv):
    def forward(self, input: torch.Tensor, output_size: Optional[List[int]] = None) -> torch.Tensor:
        if output_size is not None:
            raise Unsupported(f"{self._path} is given output_size, which a secured {self.kind.__name__} does not take",
                              hint="set output_padding when the module is made")
        return super().forward(input)


class ConvTranspose1d(_ConvTranspose):
    kind, sides, outputs = nn.ConvTranspose1d, 1, (("output", (0, 2)),)


class ConvTranspose2d(_ConvTranspose):
    kind, sides, outputs = nn.ConvTranspose2d, 2, (("output", (0, 2, 3)),)


class ConvTranspose3d(_ConvTranspose):
    kind, sides, outputs = nn.ConvTranspose3d, 3, (("output", (0, 2, 3, 4)),)


class _Normalise(nn.Module):
    """Any batch normalisation, over [batch, channels, rest]."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        m = self.module
        return nn.functional.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias, False, 0.0, m.eps)


class _BatchNorm(Secured):
    ranks = (2, 3)
    outputs = (("output", (0, 2)),)

    @classmethod
    def refusal(cls, module) -> Optional[str]:
        return None if module.running_mean is not None else "it has no running statistics, so it answers by batch"

    @classmethod
    def body(cls, module) -> nn.Module:
        return _Normalise(module)

    @classmethod
    def examples(cls, module) -> List[Example]:
        return [("input", torch.randn(2, module.num_features, 3, dtype=module.running_mean.dtype), (0, 2))]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if input.dim() not in self.ranks or input.shape[1] != self.num_features:
            raise _shape_error(self, f"[batch, {self.num_features}, ...] of {' or '.join(map(str, self.ranks))} sides", input)
        rest = input[0, 0].numel() if input.shape[0] else input.new_zeros(input.shape[2:]).numel()
        return self.ask(input=input.reshape(input.shape[0], self.num_features, rest)).reshape(input.shape)


class BatchNorm1d(_BatchNorm):
    kind = nn.BatchNorm1d


class BatchNorm2d(_BatchNorm):
    kind, ranks = nn.BatchNorm2d, (4,)


class BatchNorm3d(_BatchNorm):
    kind, ranks = nn.BatchNorm3d, (5,)


class SyncBatchNorm(_BatchNorm):
    kind, ranks = nn.SyncBatchNorm, (2, 3, 4, 5)


class LayerNorm(Secured):
    kind = nn.LayerNorm
    outputs = (("output", (0,)),)

    @classmethod
    def examples(cls, module) -> List[Example]:
        return [("input", torch.randn(3, *module.normalized_shape, dtype=module.weight.dtype), (0,))]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        sides = tuple(self.normalized_shape)
        if input.shape[-len(sides):] != sides:
            raise _shape_error(self, f"[..., {', '.join(map(str, sides))}]", input)
        rows = input.reshape(-1, *sides) if input.numel() else input.new_zeros(0, *sides)
        return self.ask(input=rows).reshape(input.shape)


class GroupNorm(Secured):
    kind = nn.GroupNorm
    outputs = (("output", (0, 2)),)

    @classmethod
    def examples(cls, module) -> List[Example]:
        return [("input", torch.randn(2, module.num_channels, 4, dtype=module.weight.dtype), (0, 2))]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if input.dim() < 2 or input.shape[1] != self.num_channels:
            raise _shape_error(self, f"[batch, {self.num_channels}, ...]", input)
        if not input.numel():
            return input.detach().clone()
        return self.ask(input=input.reshape(input.shape[0], self.num_channels, -1)).reshape(input.shape)


KINDS = (Linear, Embedding, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, BatchNorm1d, BatchNorm2d,
         BatchNorm3d, SyncBatchNorm, LayerNorm, GroupNorm)
