"""Torchkeep keeps a PyTorch model secret where it runs.

    import torchkeep
    site = torchkeep.local()                                       # everything on this machine, simulated
    torchkeep.protect(model, example, "m.tkm", id="m", keyserver=site)
    answer = torchkeep.load("m.tkm", site=site)(example)           # as model(example), from an attested enclave

    secured = torchkeep.secure(model, id="m", keyserver=site, policy=...)    # layer by layer: docs/operator-mode.md first

docs/python.md is the tutorial; every function has its own words (help(torchkeep)).
"""
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import _core
from .client import Client, Model, load, load_async
from .errors import (Denied, Error, Internal, InvalidArgument, Malformed, NotFound, Unavailable, Unsupported, Untrusted)
from .owners import introduce, owner, policy, register, revoke
from .protecting import Protected, protect
from .quantising import Quantised, quantize
from .site import Site, local
from .stepping import Sequence
from .verdicts import Verdict, attest

if _TYPE_CHECKING:
    from .securing import secure


def __getattr__(name: str) -> _Any:
    # Clients may have no PyTorch, which this one thing cannot do without.
    if name != "secure":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .securing import secure
    return secure


__version__: str = _core.version
__all__ = ["protect", "quantize", "secure", "load", "load_async", "local", "attest", "Client", "Model", "Sequence", "Protected", "Quantised", "Site", "Verdict", "introduce",
           "owner", "policy", "register", "revoke", "Error", "InvalidArgument", "Unsupported", "Malformed", "Untrusted", "Denied",
           "NotFound", "Unavailable", "Internal"]
