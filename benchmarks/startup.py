"""How long a user waits before anything happens: the import, the root help, a command's help.

Each is a new process, in turn with a bare Python (and a bare `import tyro`); CPU time, medians.
"""

from __future__ import annotations

import subprocess
import sys

from harness import Row, interleaved, main

COMMANDS = {
    "python": ["-c", "pass"],
    "import": ["-c", "import lerobot_sim"],
    "help": ["-m", "lerobot_sim", "--help"],
    "tyro": ["-c", "import tyro"],
    "run help": ["-m", "lerobot_sim", "run", "--help"],
}


def start(arguments: list[str]) -> None:
    """Runs Python to its end, its output thrown away."""
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def measure(full: bool) -> list[Row]:
    loaded = "import sys, lerobot_sim; print(sum(name.split('.')[0] == 'numpy' for name in sys.modules))"
    modules = int(subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout)
    names = {name: (lambda arguments=arguments: start(arguments)) for name, arguments in COMMANDS.items()}
    ms = {name: 1000 * seconds for name, seconds in interleaved(names, 60 if full else 20, warm_up=2).items()}
    return [
        Row(what="NumPy modules that `import lerobot_sim` loads", unit="modules", ours=modules, reach="0"),
        Row(
            what="import lerobot_sim beyond bare Python",
            unit="ms",
            ours=ms["import"] - ms["python"],
            peer=ms["python"],
            peer_name="bare Python, whole",
            ratio=ms["python"] / ms["import"],
            reach="<= 30 ms",
        ),
        Row(
            what="lerobot-sim --help beyond bare Python",
            unit="ms",
            ours=ms["help"] - ms["python"],
            peer=ms["python"],
            peer_name="bare Python, whole",
            ratio=ms["python"] / ms["help"],
            reach="<= 60 ms",
        ),
        Row(
            what="lerobot-sim run --help",
            unit="ms",
            ours=ms["run help"],
            peer=ms["tyro"],
            peer_name="bare import tyro",
            ratio=ms["tyro"] / ms["run help"],
            reach="<= 1.3x the time (ratio >= 0.77)",
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
