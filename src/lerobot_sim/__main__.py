"""`python -m lerobot_sim` is `lerobot-sim`."""

import sys

from lerobot_sim.cli.main import main

sys.exit(main())
