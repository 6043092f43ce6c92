"""Files that are old enough for their digests to be remembered, these digests, and what is seen of the files."""

import hashlib
import os
from types import SimpleNamespace

LONG_AGO = 1_000_000_000


def sha(data):
    return hashlib.sha256(data).digest()


def write(path, data, mtime=LONG_AGO):
    with open(path, "wb") as file:
        file.write(data)
    os.utime(path, (mtime, mtime))
    return os.fspath(path)


NAMES = ("st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_dev")


def watch_stat(monkeypatch, folder, change=lambda status: status):
    """Return a list that fills with the files of the folder that are looked at; change what is seen of them."""
    looked, stat = [], os.stat

    def watched(path, *args, **options):
        if not isinstance(path, str) or os.path.dirname(path) != os.fspath(folder):
            return stat(path, *args, **options)
        looked.append(path)
        return change(stat(path, *args, **options))

    monkeypatch.setattr(os, "stat", watched)
    return looked


def fields_of(monkeypatch, folder, **changed):
    """Have files seem to lie elsewhere."""
    fstat = os.fstat

    def seen(status):
        fields = {name: getattr(status, name) for name in NAMES}
        return SimpleNamespace(**fields | changed)

    monkeypatch.setattr(os, "fstat", lambda handle: seen(fstat(handle)))
    watch_stat(monkeypatch, folder, seen)
