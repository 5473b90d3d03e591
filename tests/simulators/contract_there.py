"""The contract suite in a simulator's own environment: `-I contract_there.py MODULE TASK EXPERT OPTIONS [CHECK …]`.

EXPERT is a module with a `make`, or "". Prints JSON: check -> "" or what is broken.
"""

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
from lerobot_sim.errors import BrokenPromiseError
from lerobot_sim.testing import CHECKS

module, task, expert, options, *names = sys.argv[1:]
family = import_module(module)
keywords = json.loads(options)


def make(num_envs):
    """An environment whose cameras are cheap by default: the suite draws hundreds of pictures."""
    env = family.make(task, num_envs, **keywords)
    cameras = {name: replace(camera, look="draft") for name, camera in env.spec.cameras.items()}
    env._spec = replace(env.spec, cameras=cameras)
    return env


found = {}
for name in names or CHECKS:
    try:
        CHECKS[name](make, import_module(expert).make if expert else None)
    except BrokenPromiseError as error:
        found[name] = str(error)
    else:
        found[name] = ""
print(json.dumps(found))
