"""Operator mode: PyTorch code that stays in Python, whose layers are called in an enclave one by one.

Off unless the owner's policy allows it: whoever may call a layer can solve for its parameters (docs/operator-mode.md).
"""
import copy
import json
import pathlib
from typing import Any, Dict, Optional

import torch

from . import _core, operators, pieces
from .client import SERVING_SECONDS
from .errors import Denied, InvalidArgument
from .owners import PolicyLike
from .pieces import Origin
from .places import PathLike, clear_folder
from .protecting import _Bar, _clear_bytes, _register, _say, _settle, _terms
from .secured import Secured, tensors_of
from .serving import Service
from .site import Site

__all__ = ["secure"]


def secure(model: torch.nn.Module, path: PathLike = "", *, id: Optional[str] = None, version: int = 1,
           keyserver: Any = None, policy: Optional[PolicyLike] = None, owner: Optional[PathLike] = None,
           site: Optional[Site] = None, url: Optional[str] = None, repository: Optional[PathLike] = None,
           expect: Optional[str] = None, replace: bool = False, quiet: bool = False,
           wait_seconds: float = SERVING_SECONDS, **how: Any) -> torch.nn.Module:
    """A copy of `model` whose layers with parameters are called in an enclave, one by one; their parameters are ciphertext.

    The owner, with `id`: exports the layers, checks each against PyTorch, encrypts them under a new key as `path` (by default
    NAME.tkm, with its recovery file) and registers the key, by a policy with operator_mode=True. The copy's state_dict() is
    that container in pieces, for torch.save. `keyserver`, `policy`, `owner`, `version`, `replace` are as in `protect`.

    The node, without `id`: parameters of `model` are dropped, load_state_dict(torch.load(path)) brings the ciphertext, hands it
    to a worker and connects to it: `site` is a local site's, `url` ("HOST:PORT", with what `Client` takes) one elsewhere, into
    whose `repository` folder the container is put if that is given. `expect` refuses other models' state dicts.

    Covered are Linear, Embedding, Conv1d to 3d and their transposes, BatchNorm, LayerNorm, GroupNorm, LSTM, GRU,
    MultiheadAttention. Raises Unsupported for parameters and buffers that would stay in clear, naming them; Denied unless the
    policy allows operator mode, which lets callers solve for the parameters: read docs/operator-mode.md first.
    """
    found = operators.find(model)
    if site is None and url is None and isinstance(keyserver, Site):
        site = keyserver
    service = Service(site, url, repository, expect, wait_seconds, how)
    service.described = {name: operators.describe(module, kind) for name, (module, kind) in found.items()}
    made = {name: kind(module, name, service.call) for name, (module, kind) in found.items()}
    if id is not None:
        _encrypt(model, found, made, service, path, id, version, keyserver, policy, owner, replace, quiet)
    elif keyserver is not None or policy is not None:
        raise InvalidArgument("to encrypt a model give its id=; keyserver= and policy= belong to that")
    copied = copy.deepcopy(model, _substitutes(found, made))
    copied.eval()
    copied.register_load_state_dict_post_hook(lambda _module, _keys: _bind(made, service))
    object.__setattr__(copied, "torchkeep_service", service)
    return copied


def _substitutes(found: operators.Found, made: Dict[str, Secured]) -> Dict[int, Secured]:
    """For `deepcopy`: what it has done already. So nothing is copied of what is replaced."""
    return {id(module): made[name] for name, (module, _) in found.items()}


def _bind(made: Dict[str, Secured], service: Service) -> None:
    held = {name: module.ciphertext for name, module in made.items()}
    if all(piece.numel() for piece in held.values()):  # else PyTorch tells what is missing
        service.bind(*pieces.join(held))


def _encrypt(model: torch.nn.Module, found: operators.Found, made: Dict[str, Secured], service: Service,
             path: PathLike, id: str, version: int, keyserver: Any, policy: Optional[PolicyLike],
             owner: Optional[PathLike], replace: bool, quiet: bool) -> None:
    name, target, folder, _ = _settle(id, path, keyserver, owner, replace)
    terms = _terms(keyserver, policy, folder, name)
    if keyserver is not None:
        stated = json.loads(terms) if terms is not None else _core.stated_policy(str(folder), name)
        if not stated or not stated.get("operator_mode"):
            raise Denied("the policy does not allow that single operators are called; who may call them can solve for the "
                         "parameters (docs/operator-mode.md): torchkeep.policy(..., operator_mode=True) says that you know")
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with clear_folder(_clear_bytes(model)) as work:
            engine, difference = operators.prepare(found, pathlib.Path(work) / "operators.onnx")
            _say(quiet, f"The engine answers as PyTorch does for {len(found)} layers: largest difference {difference:.2g}")
            with _Bar(f"encrypting {target.name}", quiet) as bar:
                _core.protect(str(folder), engine, name, version, str(target), replace, False, bar.show)
    finally:
        for module, was in training.items():
            module.training = was
    if keyserver is not None:
        _register(folder, name, terms, target, id)
    origin = Origin(id, version)
    weights = [(layer, sum(t.numel() * t.element_size() for t in tensors_of(module).values()))
               for layer, (module, _) in found.items()]
    for layer, piece in pieces.cut(target.read_bytes(), weights, origin).items():
        made[layer].ciphertext = piece
    service.bind_later(origin, target)
