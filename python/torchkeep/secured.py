"""What stands in place of a module whose parameters only an enclave has."""
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import torch

from .adapter import check
from .errors import Error, InvalidArgument, Unsupported

CIPHERTEXT = "ciphertext"
Example = Tuple[str, torch.Tensor, Sequence[int]]  # an operator's input, an example, and the sides that callers choose
Call = Callable[[str, Dict[str, torch.Tensor], Sequence[str]], Dict[str, torch.Tensor]]


class Withheld(Unsupported, AttributeError):
    """Code asks for a parameter that is not here: only an enclave has it."""


class Secured(torch.nn.Module):
    """A module that is called in an enclave. Its state dict is one tensor of ciphertext; it has no parameters.

    Answers as the module did in eval() mode, on the CPU and without gradients: what comes in is detached. *Thread-safe*.
    """

    kind: type = torch.nn.Module  #: What it stands for.

    def __init__(self, module: torch.nn.Module, path: str, call: Call):
        super().__init__()
        for name, value in module.__dict__.items():  # in_features, stride, eps, batch_first, ...: what its users read
            if not name.startswith("_") and name != "training" and not isinstance(value, torch.Tensor):
                object.__setattr__(self, name, value)
        for name, value in module._parameters.items():
            if value is None:  # a missing bias
                object.__setattr__(self, name, None)
        object.__setattr__(self, "_withheld", sorted({name.split(".")[0] for name in tensors_of(module)}))
        object.__setattr__(self, "_path", path)
        object.__setattr__(self, "_call", call)
        self.register_buffer(CIPHERTEXT, torch.empty(0, dtype=torch.uint8))
        self.training = False

    # Of each kind, about the module that it stands for:

    @classmethod
    def refusal(cls, module: torch.nn.Module) -> Optional[str]:
        """Why this very module cannot be secured; None if it can."""
        return None

    @classmethod
    def body(cls, module: torch.nn.Module) -> torch.nn.Module:
        """What is exported: takes the operator's inputs, in order, and returns its outputs."""
        return module

    @classmethod
    def examples(cls, module: torch.nn.Module) -> List[Example]:
        raise NotImplementedError

    @classmethod
    def grown(cls, examples: Sequence[Example]) -> List[torch.Tensor]:
        """The examples with all sides that callers choose twice as long."""
        tensors = []
        for _, tensor, sides in examples:
            for side in sides:
                tensor = torch.cat([tensor, tensor], dim=side)
            tensors.append(tensor)
        return tensors

    outputs: Sequence[Tuple[str, Sequence[int]]] = ()  #: The operator's outputs, with the sides that follow the inputs'.

    # Of this one:

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Refuses in words what no kind takes, before any of them looks at it."""
        if inputs and not isinstance(inputs[0], (torch.Tensor, torch.nn.utils.rnn.PackedSequence)):
            raise InvalidArgument(f"{self._path} ({self.kind.__name__}) takes a tensor, not a {type(inputs[0]).__name__}")
        for value in (*inputs, *named.values()):
            if isinstance(value, torch.Tensor):
                check("input", value)
        return super().__call__(*inputs, **named)

    def ask(self, outputs: Optional[Sequence[str]] = None, **inputs: torch.Tensor) -> Any:
        """Calls the operator: its one output, or those that are named, in that order."""
        if self.training:
            raise InvalidArgument(f"{self._path} is in training mode; a secured module answers in eval() mode only")
        wanted = list(outputs) if outputs is not None else [self.outputs[0][0]]
        try:
            answers = self._call(self._path, inputs, wanted)
        except Error as error:
            error.args = (f"{self._path} ({self.kind.__name__}): {error}",)
            raise
        return answers[wanted[0]] if outputs is None else tuple(answers[name] for name in wanted)

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_withheld", ()):
            raise Withheld(f"{self._path}.{name} is not here: only an enclave has it",
                           hint="call the module itself; code that uses its parameters (weight tying, F.linear(x, m.weight)) "
                                "needs the model served whole: torchkeep.protect")
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_withheld", ()):
            raise Withheld(f"{self._path}.{name} cannot be set: only an enclave has it")
        super().__setattr__(name, value)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        key = prefix + CIPHERTEXT
        clear = [name for name in self._withheld if prefix + name in state_dict]
        if clear:
            error_msgs.append(f"{prefix}{clear[0]} is in clear; this is no state dict of a secured model")
        unexpected_keys.extend(name for name in state_dict if strict and not clear and name.startswith(prefix) and name != key)
        piece = state_dict.get(key)
        if piece is None:
            if strict:
                missing_keys.append(key)
        elif not isinstance(piece, torch.Tensor) or piece.dtype != torch.uint8 or piece.dim() != 1:
            error_msgs.append(f"{key} is no ciphertext: bytes are wanted (uint8, one side)")
        else:
            self.ciphertext = piece.detach().clone()

    def extra_repr(self) -> str:
        return f"secured {self.kind.__name__}"

    def __reduce_ex__(self, protocol: int) -> Any:
        raise InvalidArgument(f"{self._path} is bound to a worker; save the state_dict() of the secured model, not the model")


def tensors_of(module: torch.nn.Module) -> Dict[str, torch.Tensor]:
    """Parameters and buffers of a module and those within it, by name."""
    found: Dict[str, torch.Tensor] = dict(module.named_parameters())
    found.update(module.named_buffers())
    return found
