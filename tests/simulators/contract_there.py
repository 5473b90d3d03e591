"""The contract suite in a simulator's own environment: `-I contract_there.py MODULE TASK EXPERT OPTIONS [CHECK …]`.

EXPERT is a module with a `make`, or "". Prints JSON: check -> "" or what is broken.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
from lerobot_sim.errors import BrokenPromiseError
from lerobot_sim.testing import CHECKS

module, task, expert, options, *names = sys.argv[1:]
family = import_module(module)
keywords = json.loads(options)
found = {}
for name in names or CHECKS:
    try:
        CHECKS[name](
            lambda num_envs: family.make(task, num_envs, **keywords), import_module(expert).make if expert else None
        )
    except BrokenPromiseError as error:
        found[name] = str(error)
    else:
        found[name] = ""
print(json.dumps(found))
