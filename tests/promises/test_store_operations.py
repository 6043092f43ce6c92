"""Promised: whatever is done to a store, it serves what was put or tells that it is missing, as a dictionary would.

Sequences of puts, readings, merges, prunings, crashes and damage are drawn at random and compared with a dictionary.
"""

import dataclasses
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import featx.cache.folder
from cache_files import dead_pid
from featx.cache import EmbeddingCache, EmbeddingSpec
from featx.cache.machine import process_space
from featx.cache.segment import Segment

BASE = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")
# A width and a dtype for each spec.
KINDS = {
    dataclasses.replace(BASE, layer="a"): (3, np.float32),
    dataclasses.replace(BASE, layer="b"): (1, np.float16),
    dataclasses.replace(BASE, layer="c"): (5, np.int16),
}
IMAGES = 12
SPECS = st.sampled_from(list(KINDS))
NUMBERS = st.lists(st.integers(0, IMAGES - 1), max_size=8)
PARTS = ["header", "digests", "embeddings", "anywhere", "length"]


def digests_of(numbers):
    """Digests that begin alike, which a search by the first bytes alone would mix up."""
    # No zeros: a run of those is found in the padding of a file, too.
    digests = np.full((len(numbers), 32), 17, np.uint8)
    digests[:, 7] = np.asarray(numbers, dtype=np.uint8) // 3
    digests[:, 31] = numbers
    return digests


def row(spec, number, version):
    """What the network made of an image; each process may be off by its own noise, here the version."""
    width, dtype = KINDS[spec]
    values = np.random.default_rng([number, version, width]).integers(0, 256, width * np.dtype(dtype).itemsize)
    return values.astype(np.uint8).tobytes()


DEAD = dead_pid()


class StoreLikeADictionary(RuleBasedStateMachine):
    """A store beside the dictionary of what it must hold."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        # What may be served for each image that must be found.
        self.model = {spec: {} for spec in KINDS}
        # Images whose only rows are damaged: `contains` need not know, `get` must.
        self.suspects = {spec: set() for spec in KINDS}
        self.damaged = set()
        self.leftovers = set()
        self.written = set()
        self.open()

    def open(self):
        self.cache = EmbeddingCache(self.root)
        self.sweeping = set(KINDS)

    def teardown(self):
        self.check_verify()
        self.open()
        for spec in KINDS:
            self.get(spec, list(range(IMAGES)), False)
        shutil.rmtree(self.root)

    def segments(self, spec):
        return sorted((self.root / spec.digest).glob("[!t]*.h5"))

    @initialize(spec=SPECS, numbers=NUMBERS)
    def begin(self, spec, numbers):
        self.put(spec, numbers, 0)

    @rule(spec=SPECS, numbers=NUMBERS, version=st.integers(0, 2))
    def put(self, spec, numbers, version):
        width, dtype = KINDS[spec]
        data = b"".join(row(spec, number, version) for number in numbers)
        self.cache.put(spec, digests_of(numbers), np.frombuffer(data, dtype).reshape(len(numbers), width))
        for number in numbers:
            self.model[spec].setdefault(number, set()).add(row(spec, number, version))
        self.suspects[spec] -= set(numbers)
        if numbers:
            self.written.add(spec)
            if spec in self.sweeping:  # the first put of an object sweeps
                self.sweeping.remove(spec)
                self.leftovers = {path for path in self.leftovers if path.parent.name != spec.digest}

    @rule(spec=SPECS, numbers=NUMBERS, all_or_none=st.booleans())
    def get(self, spec, numbers, all_or_none):
        rows, found = self.cache.get(spec, digests_of(numbers), all_or_none=all_or_none)
        assert len(rows) == len(numbers)
        if self.model[spec]:
            assert rows.dtype == KINDS[spec][1]
        if all_or_none and not found.all():  # nothing was read
            assert rows.shape[1] == 0
            self.check_found(spec, numbers, found)
            return
        assert found.tolist() == [number in self.model[spec] for number in numbers]
        for number, values, here in zip(numbers, rows, found, strict=True):
            assert values.tobytes() in self.model[spec][number] if here else not values.any()

    @rule(spec=SPECS, numbers=NUMBERS)
    def contains(self, spec, numbers):
        self.check_found(spec, numbers, self.cache.contains(spec, digests_of(numbers)))

    def check_found(self, spec, numbers, found):
        for number, here in zip(numbers, found, strict=True):
            assert here == (number in self.model[spec]) or number in self.suspects[spec]

    @rule()
    def compact(self):
        self.cache.compact()
        for spec in self.written:
            assert len(self.segments(spec)) <= 1
            self.leftovers = {path for path in self.leftovers if path.parent.name != spec.digest}
        self.forget_suspects()
        assert sum(info.rows for info in self.cache.info()) == sum(map(len, self.model.values()))

    @rule()
    def prune_everything(self):
        self.cache.prune(max_bytes=0)
        self.leftovers = set()
        self.model = {spec: {} for spec in KINDS}
        self.forget_suspects()
        assert not any(path.stat().st_size for spec in KINDS for path in self.segments(spec))

    @precondition(lambda self: self.written)
    @rule(spec=SPECS)
    def prune_what_is_old(self, spec):
        mark = self.root / spec.digest / "spec.json"
        if mark.exists():
            os.utime(mark, (1, 1))
            self.cache.prune(max_age=1000)
            self.leftovers = set()
            self.model[spec] = {}
            self.suspects[spec] = set()
            assert not self.segments(spec)

    @rule()
    def reopen(self):
        self.open()

    @precondition(lambda self: self.written)
    @rule(spec=SPECS, share=st.floats(0, 1), host=st.sampled_from(["here", "elsewhere"]))
    def crash(self, spec, share, host):
        """A process died while it wrote: a part of a segment is left under a temporary name."""
        folder = self.root / spec.digest
        if spec not in self.written:
            return
        whole = next((path.read_bytes() for path in self.segments(spec)), b"featx segment ")
        name = f"tmp-{process_space() if host == 'here' else 'elsewhere'}-{DEAD}-{len(os.listdir(folder))}.h5"
        (folder / name).write_bytes(whole[: int(share * len(whole))])
        if host == "here":
            self.leftovers.add(folder / name)

    @precondition(lambda self: any(map(self.segments, KINDS)))
    @rule(data=st.data(), part=st.sampled_from(PARTS), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def damage(self, data, part, share, bit):
        """A byte of a segment changes, or its end is lost, while no process has it open."""
        sound = [path for spec in self.written for path in self.segments(spec) if path not in self.damaged]
        if not sound:
            return
        # Names are drawn anew in every run; what a file holds is not.
        path = sorted(sound, key=lambda p: (p.parent.name, p.read_bytes()))[data.draw(st.integers(0, len(sound) - 1))]
        spec = next(spec for spec in KINDS if spec.digest == path.parent.name)
        segment, content = Segment(path), bytearray(path.read_bytes())
        start, length = {
            "header": (0, content.index(b"\0")),
            "digests": (content.index(segment.digests.tobytes()), 32 * segment.n_rows),
            "embeddings": (segment._offset, segment.n_rows * segment.row_bytes),
            "anywhere": (0, len(content)),
            "length": (0, len(content)),
        }[part]
        place = start + int(share * length)
        if part == "length":
            os.truncate(path, place)
        else:
            content[place] ^= 1 << bit
            path.write_bytes(content)
        self.damaged.add(path)
        sound = [path for path in self.segments(spec) if path not in self.damaged]
        left = {int(digest[31]) for path in sound for digest in Segment(path).digests}
        self.suspects[spec] |= self.model[spec].keys() - left
        self.model[spec] = {number: rows for number, rows in self.model[spec].items() if number in left}
        self.open()

    @rule()
    def check_verify(self):
        report = self.cache.verify()
        assert {path for path, _ in report.problems} == {path for path in self.damaged if path.exists()}
        assert set(report.leftovers) == self.leftovers

    @rule()
    def repair(self):
        self.cache.repair()
        self.forget_suspects()
        self.leftovers, self.sweeping = set(), set(KINDS)
        assert self.cache.verify().clean

    def forget_suspects(self):
        self.suspects = {spec: set() for spec in KINDS}

    @invariant()
    def nothing_but_damage_is_set_aside(self):
        for spec in KINDS:
            aside = {path.with_suffix(".h5") for path in (self.root / spec.digest).glob("*.damaged")}
            assert aside <= self.damaged


QUICK = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
)
LONG = settings(QUICK, max_examples=1000, stateful_step_count=60, derandomize=False)


@pytest.mark.parametrize("profile", [QUICK, pytest.param(LONG, marks=pytest.mark.long)], ids=["quick", "long"])
def test_a_store_behaves_like_a_dictionary_whatever_happens_to_it(profile, monkeypatch):
    monkeypatch.setattr(featx.cache.folder, "TIER_SEGMENTS", 3)  # merges by itself as soon as there are three segments
    run_state_machine_as_test(StoreLikeADictionary, settings=profile)
