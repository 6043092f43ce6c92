"""What workers of real clusters do with their shares when something is different there; they import it by name."""

import os
import signal
from dataclasses import replace
from pathlib import Path

from featx.extraction.share_worker import forward_share


def noted(folder, task, home, share, *, deadly=False):
    """Do a share, and note its forwards in a file of the process; the first `deadly` one is killed after some."""
    import featx.extraction.forward as module

    if not hasattr(module, "noting"):
        real, module.noting = module._begun, {}

        def counting(task, images, names):
            rows = real(task, images, names)
            with open(os.path.join(module.noting["folder"], str(os.getpid())), "a") as file:
                file.write("x" * len(images))
            if module.noting["deadly"] and _is_first(module.noting["folder"]):
                os.kill(os.getpid(), signal.SIGKILL)
            return rows

        module._begun = counting
    module.noting.update(folder=folder, deadly=deadly)
    return forward_share(task, home, share)


def killed_once(folder, task, home, share):
    """Do a share in a process that may be killed in the middle of it."""
    return noted(folder, task, home, share, deadly=True)


def on_other_disk(folder, task, home, share):
    """Do a share where the path of the cache is another folder, and the images are not there."""
    images = [i if i.path is None else replace(i, content=f"/nowhere{i.content}") for i in share.images]
    other = replace(home, root=Path(folder, f"disk-{os.getpid()}"))
    return noted(folder, task, other, replace(share, images=images))


def with_another_network(folder, task, home, share):
    """Do a share where the network's weights are other ones."""
    build = task.source.build

    def other():
        module = build()
        for parameter in module.parameters():
            parameter.data *= 1.1
        return module

    return noted(folder, replace(task, source=replace(task.source, build=other)), home, share)


def counted(folder):
    """Return how many images were forwarded."""
    return sum(path.stat().st_size for path in Path(folder).iterdir() if path.name.isdecimal())


def _is_first(folder):
    if counted(folder) < 20:
        return False
    try:
        os.close(os.open(os.path.join(folder, "killed"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
