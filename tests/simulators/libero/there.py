"""What is tried in LIBERO's own environment with our adapter: `-I there.py offline HOME` or `-I there.py fault`."""

import builtins
import json
import os
import socket
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3] / "src"))
from lerobot_sim.env import End
from lerobot_sim.simulators import libero

ON = np.ones(1, bool)


def refuse(*_, **__):
    raise AssertionError("asked, or looked for a network")


def offline(home):
    os.environ["HOME"] = home
    os.environ["LIBERO_CONFIG_PATH"] = str(Path(home) / "of-another-installation")
    Path(os.environ["LIBERO_CONFIG_PATH"]).mkdir()
    (Path(os.environ["LIBERO_CONFIG_PATH"]) / "config.yaml").write_text("assets: /nowhere\nbddl_files: /nowhere\n")
    builtins.input = refuse
    socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
    opened = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" and args[1] == "w" else None)
    env = libero.make("libero_object-0")
    env.reset([0], [0])
    env.step(np.zeros((1, 7), np.float32), ON)
    env.close()
    written = [name for name in opened if "libero" in Path(name).name or "robosuite" in Path(name).name]
    print(json.dumps({"written": written, "paths": os.environ["LIBERO_CONFIG_PATH"]}))


def fault():
    from lerobot_sim.simulators.libero.stage import Stage

    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (12, 2, 7)).astype(np.float32)
    act = Stage.act
    seen = {}
    for broken in (False, True):
        env = libero.make("libero_goal-0", 2)
        env.reset([0, 1], [3, 4])
        for step, action in enumerate(actions):
            if broken and step == 5:

                def torn(stage, action):
                    act(stage, action)
                    Stage.act = act
                    raise RuntimeError("torn in the midst of a step")

                Stage.act = torn
            row = env.step(action, np.ones(2, bool))
            seen.setdefault(broken, []).append({key: value[1].tolist() for key, value in row.observation.items()})
        ends, words = [int(end) for end in row.end], env.explain(0)
        again = env.reset([0], [3])
        env.close()
    fresh = libero.make("libero_goal-0", 1)
    same = all(np.array_equal(value[0], again[key][0]) for key, value in fresh.reset([0], [3]).items())
    fresh.close()
    print(
        json.dumps(
            {"ends": ends, "fault": int(End.FAULT), "other": seen[True] == seen[False], "words": words, "same": same}
        )
    )


{"offline": offline, "fault": fault}[sys.argv[1]](*sys.argv[2:])
