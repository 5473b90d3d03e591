"""What a plan makes of the worlds that it is given."""

import mujoco
import pytest

from lerobot_sim import registry
from lerobot_sim.envs.mujoco.robots.catalogue import robot
from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.plan import spec_for


def test_a_recorded_world_with_the_users_own_model_is_the_same_or_refused(tmp_path):
    model = mujoco.MjSpec()
    robot("so100").add(model)
    model.compile()
    path = tmp_path / "so100.xml"
    path.write_text(model.to_xml())
    recorded = registry.make("mujoco/reach", 1, robot="so100", model_path=str(path))
    options = dict(recorded.spec.options)
    recorded.close()
    assert registry.CONTENTS in options
    assert spec_for("mujoco/reach", options).options == options
    asked = {"robot": "so100", "model_path": str(path)}
    assert spec_for("mujoco/reach", asked).options == options
    path.write_text(model.to_xml().replace("<mujoco", "<!-- another --><mujoco", 1))
    with pytest.raises(InputError, match="has changed"):
        spec_for("mujoco/reach", options)
