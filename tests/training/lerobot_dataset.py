"""A small dataset with one camera, and small policies of LeRobot's that learn from it."""

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.spec import Camera

SIDE = 64  # ResNet leaves 2x2 of it: the least that its batch norm takes of one picture

ACT = {"chunk_size": 4, "n_action_steps": 4, "dim_model": 16, "n_heads": 2, "dim_feedforward": 16}
ACT |= {"n_encoder_layers": 1, "pretrained_backbone_weights": None}

VQBET = {"n_vqvae_training_steps": 3, "vqvae_enc_hidden_dim": 16, "vqvae_embedding_dim": 16, "n_obs_steps": 2}
VQBET |= {"gpt_n_layer": 1, "gpt_n_head": 2, "gpt_hidden_dim": 16, "gpt_input_dim": 16, "gpt_output_dim": 16}
VQBET |= {"pretrained_backbone_weights": None, "crop_shape": None, "action_chunk_size": 3, "n_action_pred_token": 2}

DIFFUSION = {"horizon": 8, "n_action_steps": 4, "n_obs_steps": 2, "down_dims": (16, 32), "n_groups": 4}
DIFFUSION |= {"diffusion_step_embed_dim": 8, "num_train_timesteps": 4, "num_inference_steps": 2}
DIFFUSION |= {"pretrained_backbone_weights": None, "crop_shape": None}


def record(folder, episodes=2):
    """Demonstrations of numpy/reach with its camera, small."""
    env = make("numpy/reach", episodes)
    cameras = {"front": Camera(height=SIDE, width=SIDE)}
    with DatasetWriter(folder, env.spec, cameras=cameras) as writer, writer.recorder(states=False) as recorder:
        for episode in rollout(env, make_policy("expert", env.spec), range(episodes), sinks=[recorder]):
            writer.add(episode, recorder.take(episode))
    env.close()
    return folder
