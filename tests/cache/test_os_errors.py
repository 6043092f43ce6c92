"""Promised: errors of the operating system end in one line with a next step."""

import errno
from pathlib import Path

import pytest

from featx.cache import CacheError
from featx.cache.os_errors import as_cache_errors

ROOT = Path("cache")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_says_how_much_was_to_be_written(number):
    with pytest.raises(CacheError, match="no space in the cache cache for 5,000 bytes") as caught:
        with as_cache_errors(ROOT, needed=5000):
            raise OSError(number, "full")
    assert "featx cache prune" in caught.value.next_step


def test_other_errors_say_what_is_wrong_and_where():
    with pytest.raises(CacheError, match="cannot use the cache cache: not yours") as caught, as_cache_errors(ROOT):
        raise OSError(errno.EACCES, "not yours")
    assert "cache=None" in caught.value.next_step
    with pytest.raises(CacheError, match="cannot use out") as caught, as_cache_errors(ROOT, where=Path("out.h5")):
        raise OSError(errno.EACCES, "not yours")
    assert "choose another file." in caught.value.next_step
