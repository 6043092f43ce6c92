"""What a command would cost, without running it: `--dry-run`.

In: what the workflow of that name takes. Out: a forecast of forward passes, time, disk and memory.
A command's plan is made in `workflows` or `comparison`; start with `prices`, which prices its steps.
"""
