"""Owners: who they are, which key server holds their keys, and what they ask of whoever holds a model's key."""
import json
import pathlib
from typing import Any, Dict, Optional, Sequence, Union

from . import _core
from .errors import InvalidArgument, NotFound
from .places import PathLike, owner_folder, split_id

PolicyLike = Union[str, Dict[str, Any], "pathlib.Path"]
__all__ = ["introduce", "owner", "policy", "register", "revoke"]


def introduce(keyserver: str, *, pccs: str, root: PathLike, genesis: str = "", owner: Optional[PathLike] = None,
              pccs_ca: PathLike = "") -> Dict[str, Any]:
    """Makes an owner's keys and pins the key server, after it has attested itself. To be called once an owner.

    `keyserver` is "HOST:PORT"; `pccs` says where attestation collateral is served, `root` is the root certificate (PEM) to
    judge evidence by, `genesis` what the key server's operator published (without it, what is seen is pinned: compare it).
    `owner` is the owner's folder, by default ~/.torchkeep; keys that are there are kept. Returns owner, genesis and claims.
    """
    trust = _core.Trust(pccs=pccs, root=str(root), pccs_ca=str(pccs_ca))
    folder = owner_folder(None, owner)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return _core.introduce(str(folder), keyserver, trust, genesis)


def owner(folder: Optional[PathLike] = None) -> Dict[str, Any]:
    """Who the owner in a folder is: public key, models, key server and its genesis. Raises NotFound."""
    return _core.describe_owner(str(owner_folder(None, folder)))


def policy(*, keyservers: Sequence[str], caches: Sequence[str], workers: Sequence[str],
           owner: Optional[PathLike] = None, any_platform: bool = False, platforms: Sequence[str] = (),
           any_client: bool = False, lease_seconds: int = 3600, lease_requests: int = 0, offline_grace_seconds: int = 0,
           tcb_statuses: Sequence[str] = ("UpToDate", "SWHardeningNeeded"), min_tcb_evaluation_data_number: int = 0,
           max_collateral_age_seconds: int = 0, **more: Any) -> Dict[str, Any]:
    """A policy, as a dict: which enclaves (by MRENCLAVE, hex) may hold a model's key, where and for how long.

    `platforms` names the machines; any_platform=True says aloud that any will do. `any_client` lets whoever reaches a worker
    ask it; without it only the owner may. `more` takes the other fields of docs/formats/policy.md. The roots of trust are
    those of the owner's folder. Raises InvalidArgument or Malformed, naming the field.
    """
    if not any_platform and not platforms:
        raise InvalidArgument("name the machines with platforms=[...], or accept any with any_platform=True")
    trust = _core.Trust(folder=str(owner_folder(None, owner)))
    document = {
        "format": 1, "rollback": "accepted",
        "platform": {"simulated": _core.simulation, "roots": trust.root_hashes(), "tcb_statuses": list(tcb_statuses),
                     "min_tcb_evaluation_data_number": min_tcb_evaluation_data_number,
                     "max_collateral_age_seconds": max_collateral_age_seconds, "any_platform": any_platform,
                     "platforms": list(platforms)},
        "keyservers": [{"mr_enclaves": list(keyservers)}], "caches": [{"mr_enclaves": list(caches)}],
        "workers": [{"mr_enclaves": list(workers)}], "lease_seconds": lease_seconds, "lease_requests": lease_requests,
        "offline_grace_seconds": offline_grace_seconds, "any_client": any_client, **more}
    return _core.check_policy(json.dumps(document))


def policy_text(given: PolicyLike) -> str:
    """A policy as JSON text: from a dict, a file's path, or a text that is JSON already. Raises NotFound, Malformed."""
    if isinstance(given, dict):
        text = json.dumps(given)
    elif isinstance(given, str) and given.lstrip().startswith("{"):
        text = given
    else:
        try:
            text = pathlib.Path(given).read_text()
        except FileNotFoundError:
            raise NotFound(f"no policy in {given}") from None
    return json.dumps(_core.check_policy(text))


def register(container: PathLike, *, id: Optional[str] = None, policy: Optional[PolicyLike] = None,
             owner: Optional[PathLike] = None, pccs: str = "") -> Dict[str, Any]:
    """Hands a container's key to the key server that the owner has pinned; what `protect` does with keyserver=...

    A new model needs its policy; a known one's is replaced if another is given. The key comes from the recovery file beside
    the container. Raises Denied, naming the clause, if the key server is none that the policy lists.
    """
    alias, name = split_id(id or _core.describe_recovery(str(container))["name"])
    text = None if policy is None else policy_text(policy)
    return _core.register_model(str(owner_folder(alias, owner)), pccs, name, text, str(container))


def revoke(id: str, *, version: int = 0, owner: Optional[PathLike] = None, pccs: str = "") -> Dict[str, Any]:
    """Ends a version, or the whole model with version=0, for good: no key is released any more, leases run out."""
    alias, name = split_id(id)
    return _core.revoke(str(owner_folder(alias, owner)), pccs, name, version)
