"""What is done to any `torch.nn.Module`, whichever network it is: identified, copied, traced and cut.

In: a module. Out: a digest of all that decides what it computes (`identity`), a copy that shares nothing with it
(`copies`), or the function from its input to some of its layers (`graphs`).
"""
