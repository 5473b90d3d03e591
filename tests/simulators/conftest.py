import os

import pytest

from lerobot_sim import registry
from lerobot_sim.simulators.families import catalogue
from lerobot_sim.simulators.host.install import setup_command, state_of


def needs(name: str, module: str | None = None) -> pytest.MarkDecorator:
    """Skips tests whose simulator is not set up; `pytestmark = needs("metaworld")` at the top of a module.

    LEROBOT_SIM_REQUIRE="metaworld aloha" (or "all") makes a failure of it. `module` is for a family that is not in
    registry.FAMILIES yet.
    """
    family = catalogue(module or registry.FAMILIES[name]).FAMILY
    state = state_of(family)
    reason = f"{state.words} Set it up with: {setup_command(family)}"
    required = os.environ.get("LEROBOT_SIM_REQUIRE", "").replace(",", " ").split()
    if not state.usable and (name in required or "all" in required):
        pytest.fail(f"LEROBOT_SIM_REQUIRE names '{name}'. {reason}", pytrace=False)
    return pytest.mark.skipif(not state.usable, reason=reason)


@pytest.fixture(autouse=True)
def _dummy_display(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # gymnasium's own drawings are pygame's
