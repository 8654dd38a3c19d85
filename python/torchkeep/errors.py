"""What can go wrong, one class for each thing that a caller may do about it.

Every exception of this package is a `torchkeep.Error`. The subclasses are the error codes of the whole product
(torchkeep/base/result.h), so a refusal has the same name in Python, in a log and on the wire.
"""
from typing import Optional

__all__ = ["Error", "InvalidArgument", "Unsupported", "Malformed", "Untrusted", "Denied", "NotFound", "Unavailable",
           "Internal"]


class Error(Exception):
    """The base of them all. Its text says what was found, what was wanted, and the way out."""


class InvalidArgument(Error, ValueError):
    """The call itself is wrong: fix the caller."""


class Unsupported(InvalidArgument):
    """A model that cannot be protected as it is.

    `operator` is what stands in the way ("aten::fft_fft", "NonMaxSuppression"), `module` the path of the module where it
    occurs ("encoder.layers.3"), `hint` what to do; each may be None where it is not known.
    """

    def __init__(self, message: str, operator: Optional[str] = None, module: Optional[str] = None,
                 hint: Optional[str] = None):
        parts = [message]
        if operator:
            where = f' in module "{module}"' if module else ""
            parts.append(f"operator {operator}{where}")
        if hint:
            parts.append(hint)
        super().__init__("; ".join(parts))
        self.operator, self.module, self.hint = operator, module, hint


class Malformed(Error, ValueError):
    """Bytes do not follow their format: drop them."""


class Untrusted(Error):
    """A signature or a measurement does not hold: never retry."""


class Denied(Error):
    """The owner's policy says no."""


class NotFound(Error, LookupError):
    """There is no such model, file, owner or program."""


class Unavailable(Error, ConnectionError):
    """A peer, a disk or a service is away: try again later."""


class Internal(Error, RuntimeError):
    """A defect of Torchkeep's: please report it."""
