"""What a command would cost, without running it: `--dry-run`.

In: what the workflow of that name takes. Out: a forecast of forward passes, time, disk and memory.
Start with `result` and `passes`; the other modules are named after their commands.
"""
