"""Who is at the other end: verified evidence, readable at a prompt and in a notebook."""
import html
from typing import Any, Dict, List, Optional, Tuple

from . import _core
from .client import _endpoint
from .owners import PolicyLike, policy_text
from .places import PathLike, owner_folder

__all__ = ["Verdict", "attest"]


class Verdict:
    """A genuine enclave's evidence, over a session of this very moment, and how it fares under a policy. *Immutable.*

    Evidence that does not hold makes no verdict: `attest` raises Untrusted. `accepted` is True or False under a policy, and None
    without one; `bool(verdict)` is True only if a policy accepts it.
    """

    def __init__(self, url: str, told: Dict[str, Any]):
        self.url = url
        self.role: str = told["role"]
        self.simulation: bool = told["simulation"]
        self.claims: Dict[str, Any] = told["claims"]
        self.context: str = told["context"]  #: Of a worker: the public key of the owner whose models it serves.
        self.until: str = told["until"]
        self.clauses: List[Dict[str, Any]] = told.get("policy", {}).get("clauses", [])
        self.accepted: Optional[bool] = told.get("policy", {}).get("holds")

    def __bool__(self) -> bool:
        return self.accepted is True

    @property
    def measurement(self) -> str:
        """MRENCLAVE, MRTD or the guest's measurement: what a policy lists."""
        return next(self.claims[word] for word in ("mr_enclave", "mr_td", "measurement") if word in self.claims)

    def failed(self) -> List[Dict[str, Any]]:
        """The clauses that do not hold, each with found, wanted and way_out."""
        return [clause for clause in self.clauses if not clause["holds"]]

    def _sentence(self) -> str:
        what = "simulated enclave" if self.simulation else "genuine enclave"
        under = {True: "the policy accepts it", False: "the policy REFUSES it",
                 None: "no policy was asked"}[self.accepted]
        return f"{what} in the role of {self.role} at {self.url}; {under}"

    def _rows(self) -> List[Tuple[str, str]]:
        rows = [("measurement", self.measurement), ("TCB status", self.claims.get("tcb_status", "not stated")),
                ("advisories", ", ".join(self.claims["advisories"]) or "none"),
                ("debug", "YES: its memory is open to the host" if self.claims["debug"] else "no"),
                ("machine", self.claims["platform_instance"]), ("root key", self.claims["root_key_hash"]),
                ("valid until", self.until)]
        if self.role == "worker":
            rows.append(("serves owner", self.context))
        for clause in self.failed():
            rows.append((clause["clause"], f"found {clause['found'] or 'nothing'}, wanted {clause['wanted']}; {clause['way_out']}"))
        return rows

    def __repr__(self) -> str:
        return self._sentence() + "".join(f"\n  {name:<13} {value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        colour = {True: "#1a7f37", False: "#cf222e", None: "#57606a"}[self.accepted]
        rows = "".join(f"<tr><th style='text-align:left'>{html.escape(name)}</th><td><code>{html.escape(value)}</code></td></tr>"
                       for name, value in self._rows())
        return f"<p style='color:{colour}'><b>{html.escape(self._sentence())}</b></p><table>{rows}</table>"


def attest(url: str, *, role: str = "worker", policy: Optional[PolicyLike] = None, folder: Optional[PathLike] = None,
           root: Optional[PathLike] = None, pccs: str = "") -> Verdict:
    """Has the program at "HOST:PORT" prove what it is, over a fresh session, and holds it against a policy if one is given.

    `role` is the one it should prove: "worker", "keycache" or "keyserver". Whose word counts comes from an owner's folder, by
    default ~/.torchkeep, or from `root` (certificate, PEM) and `pccs`. Raises Untrusted if its evidence does not hold, Unavailable
    if nobody is there.
    """
    trust = _core.Trust(root=str(root), pccs=pccs) if root is not None else \
        _core.Trust(folder=str(owner_folder(None, folder)), pccs=pccs)
    text = None if policy is None else policy_text(policy)
    return Verdict(url, _core.attest(_endpoint(url), role, trust, text))
