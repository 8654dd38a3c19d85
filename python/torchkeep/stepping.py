"""Calls of a model that leave their state in the worker's enclave."""
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from . import nesting
from .errors import Error, InvalidArgument, NotFound
from .places import split_id

if TYPE_CHECKING:
    from .client import Model


class Sequence:
    """What `Model.sequence` returns: called as the model is, without its state. One call at a time."""

    def __init__(self, model: "Model", state: Dict[str, Any]):
        self.model = model
        self._state = [pair for root, place in state.items() for pair in _links(model, root, place)]
        if not self._state:
            raise InvalidArgument("a sequence keeps state: say which arguments are, as in {\"past\": 1}")
        self._id, self._ended = "", False

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self._ended:
            raise InvalidArgument("this sequence has ended; begin another with model.sequence(...)")
        model, kept = self.model, {name for _, name in self._state}
        flat = model._bind(arguments, keywords, kept)
        sent = sorted(kept & set(flat))
        if self._id and sent:
            raise InvalidArgument(f"{sent[0]} is this sequence's state, which the worker keeps: leave it out")
        _, name = split_id(model.id)
        self._id, answers = model.client._step(name, model.version, flat, self._id, [] if self._id else self._state, False)
        return nesting.rebuild([(output, answers.get(output)) for output, _, _ in model.outputs])

    def end(self) -> None:
        """The worker wipes the state. Raises Unavailable if it cannot be asked: it does so by itself after a while."""
        started, self._ended = bool(self._id) and not self._ended, True
        if not started:
            return
        _, name = split_id(self.model.id)
        try:
            self.model.client._step(name, self.model.version, {}, self._id, [], True)
        except NotFound:
            pass  # nobody asked for so long that it is wiped already, which is what was wanted

    def __enter__(self) -> "Sequence":
        return self

    def __exit__(self, kind: Optional[type], *_: Any) -> None:
        try:
            self.end()
        except Error:
            if kind is None:
                raise  # else the exception that is on its way says more

    def __repr__(self) -> str:
        told = "ended" if self._ended else "running" if self._id else "not yet begun"
        return f"<torchkeep sequence of {self.model.id} version {self.model.version}: {told}>"


def _links(model: "Model", root: str, place: Any) -> List[Tuple[str, str]]:
    """Names of the outputs at `place` with those of the inputs of argument `root`, in the same nesting."""
    inputs = [(name, name) for name, _, _ in model.inputs if nesting.root_of(name) == root]
    if not inputs:
        raise InvalidArgument(f"argument {root!r} is none of the model; it takes {', '.join(model._roots)}")
    made = nesting.rebuild([(name, name) for name, _, _ in model.outputs])
    for step in place if isinstance(place, (tuple, list)) else (place,):
        try:
            made = made[step] if not isinstance(made, str) else None
        except (IndexError, KeyError, TypeError):
            made = None
        if made is None:
            raise InvalidArgument(f"the model returns nothing at {place!r} that could become {root}")
    return _pairs(made, nesting.rebuild(inputs), root)


def _pairs(made: Any, taken: Any, root: str) -> List[Tuple[str, str]]:
    if isinstance(made, str) and isinstance(taken, str):
        return [(made, taken)]
    if isinstance(made, dict) and isinstance(taken, dict) and made.keys() == taken.keys():
        return [pair for key in made for pair in _pairs(made[key], taken[key], root)]
    if isinstance(made, (tuple, list)) and isinstance(taken, (tuple, list)) and len(made) == len(taken):
        return [pair for one, other in zip(made, taken) if one is not None and other is not None
                for pair in _pairs(one, other, root)]
    raise InvalidArgument(f"what the model returns is not nested as its argument {root} is, so it cannot become it")
