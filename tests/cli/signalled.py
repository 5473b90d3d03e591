"""`signalled.py BAR SHARE SIGNAL ...` is `lerobot-sim` that sends itself a signal once a bar has come to a share."""

import os
import sys
from contextlib import contextmanager

from lerobot_sim.cli.console import Console
from lerobot_sim.cli.main import main

BAR, SHARE, SIGNAL = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
shown_by = Console.progress
sent = []


@contextmanager
def progress(self, what, total, unit):
    with shown_by(self, what, total, unit) as show:

        def shown(done, of=None):
            nonlocal total
            total = of or total
            show(done, of)
            if what == BAR and done >= SHARE * total and not sent:
                sent.append(SIGNAL)
                os.kill(os.getpid(), SIGNAL)

        yield shown


if __name__ == "__main__":
    Console.progress = progress
    sys.exit(main(sys.argv[4:]))
