"""A store of fsspec in memory whose operations are counted, and which fails before one of them."""

import contextlib

from fsspec.implementations.memory import MemoryFileSystem

OPERATIONS = ("ls", "cat_file", "_open", "put_file", "pipe_file")


@contextlib.contextmanager
def counted(monkeypatch, *, allowed=None, error=KeyboardInterrupt):
    """Yield the names of the operations on memory:// in the block; after `allowed` of them, raise the error."""
    done = []

    def watched(name, operation):
        def run(*arguments, **options):
            if len(done) == allowed:
                raise error
            done.append(name)
            return operation(*arguments, **options)

        return run

    with monkeypatch.context() as patched:
        for name in OPERATIONS:
            patched.setattr(MemoryFileSystem, name, watched(name, getattr(MemoryFileSystem, name)))
        yield done
