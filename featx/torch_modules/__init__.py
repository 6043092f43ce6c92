"""Identify, copy, trace and cut any `torch.nn.Module`, whichever network it is.

In: a module. Out: a digest of everything that decides what it computes (`identity`), a copy that shares nothing with it
(`copies`), or the function from its input to the outputs of some of its layers (`graphs`).
Start with `identity` and `graphs`; `values` lists the kinds of objects that a digest understands.
"""
