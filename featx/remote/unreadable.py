"""Contents that could not be decoded travel beside embeddings, so that no machine waits for them as missing shards.

Below the URL, objects ``failures/<SHA-256>.json`` hold those of one push that were not there yet, by digests of
contents.
"""

from __future__ import annotations

import hashlib
import json
import re

from ..cache.store import EmbeddingCache
from .object_store import ObjectStore
from .push_index import MOST_BYTES

__all__ = ["pull_failures", "push_failures"]

FOLDER = "failures"
FORMAT = 1
# Of a reason, which is shown.
MOST_CHARACTERS = 1000
# Of one object: as JSON, a character takes up to 12 bytes, and an object of more than `MOST_BYTES` is not read.
MOST_FAILURES = 5000
_NAME = re.compile(r"([0-9a-f]{64})\.json")
_DIGEST = re.compile("[0-9a-f]{64}")


def push_failures(store: ObjectStore, source: EmbeddingCache) -> None:
    """Send the remembered failures that are not there yet."""
    ours = source.digests.all_failures()
    if not ours:
        return
    there, _ = _read(store)
    new = [(digest.hex(), reason[:MOST_CHARACTERS]) for digest, reason in sorted(ours.items()) if digest not in there]
    for start in range(0, len(new), MOST_FAILURES):
        some = dict(new[start : start + MOST_FAILURES])
        content = json.dumps({"format": FORMAT, "failures": some}, sort_keys=True).encode()
        store.write(f"{FOLDER}/{hashlib.sha256(content).hexdigest()}.json", content)


def pull_failures(store: ObjectStore, target: EmbeddingCache) -> list[tuple[str, str]]:
    """Remember the failures that are there; return the objects that cannot be used, with the reason."""
    there, problems = _read(store)
    if there:
        ours = target.digests.all_failures()
        target.digests.remember_failures({digest: why for digest, why in there.items() if digest not in ours})
    return problems


def _read(store: ObjectStore) -> tuple[dict[bytes, str], list[tuple[str, str]]]:
    found: dict[bytes, str] = {}
    problems = []
    for name in sorted(store.sizes(FOLDER)):
        if not (match := _NAME.fullmatch(name)):
            continue
        path = f"{FOLDER}/{name}"
        content = store.read(path, most=MOST_BYTES)
        if hashlib.sha256(content).hexdigest() != match[1]:
            problems.append((path, "it is damaged, or not whole"))
            continue
        try:
            found |= _parsed(content)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            problems.append((path, "it is not what this featx writes"))
    return found, problems


def _parsed(content: bytes) -> dict[bytes, str]:
    given = json.loads(content)
    failures = given["failures"]
    if given["format"] != FORMAT or not all(_DIGEST.fullmatch(digest) for digest in failures):
        raise ValueError("of another version")
    # What cannot be encoded cannot be remembered.
    texts = {digest: reason[:MOST_CHARACTERS].encode(errors="replace").decode() for digest, reason in failures.items()}
    return {bytes.fromhex(digest): text for digest, text in texts.items()}
