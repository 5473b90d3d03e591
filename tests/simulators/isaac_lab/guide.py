"""The configuration of the guides, as it stands, and a scene that fits it: our arm under the name that they use."""

from lerobot_sim.simulators.isaac_lab import scene_text

CONFIG = {
    "isaac_sim_config": {
        "scene_path": "/path/to/scene.usd",
        "robot_config": {
            "name": "franka_panda",
            "task": "pick_and_place",
            "controllers": {"joint_controller": {"type": "position", "gains": {"kp": 100.0, "kd": 10.0}}},
            "cameras": [
                {
                    "name": "front_camera",
                    "position": [0.5, 0.0, 1.0],
                    "target": [0.0, 0.0, 0.0],
                    "resolution": [640, 480],
                },
                {
                    "name": "wrist_camera",
                    "position": [0.0, 0.0, 0.1],
                    "target": [0.0, 0.0, 0.0],
                    "resolution": [320, 240],
                },
            ],
        },
    }
}


def scene(folder):
    """A USD scene of a user's whose robot is called franka_panda."""
    path = folder / "scene.usda"
    text = scene_text.text().replace('"arm"', '"franka_panda"').replace("/arm/", "/franka_panda/")
    path.write_text(text, encoding="utf-8")
    return path


def config(path):
    """The guides' configuration with a scene that is there."""
    inner = {**CONFIG["isaac_sim_config"], "scene_path": str(path)}
    return {"isaac_sim_config": inner}
