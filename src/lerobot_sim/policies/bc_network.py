"""The network of `bc`: states, pictures and words in; a chunk of actions out.

    picture ──► Eye: convolutions, then the mean place of each of K feature maps ─┐
    states ───────────────────────────────────────────────────────────────────────┴─► gate ─► linear ─► blocks ─► chunk
    words ────► Reader: the words' vectors, each as far as it matters ──────────────────┴───────────────┘

**Eye.** A feature map is read as where it is bright: the softmax of the map, normalised, is a distribution over the
picture, whose mean (x, y) is a keypoint (spatial softmax: Levine et al. 2016, section 5.1). So a picture becomes 2K
numbers that are finer than a pixel, which is what a controller needs, and few weights learn it.

**Reader.** v = sum_i softmax(s(e_i)) e_i over the vectors e_i of the words that the demonstrations had. All begin at 0;
a word that never was in a demonstration is skipped, so a new phrase means what its known words mean.

**Gate.** x <- 2 sigmoid(G v) x: what is asked for turns each input off or on, so that "where the red cube is" and
"where the blue cube is" can be read by the same weights.

**Blocks.** h <- h + W relu(FiLM(V norm(h))), FiLM(x) = (1 + scale(v)) x + shift(v) (Perez et al. 2018).
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's types are partly unknown

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .bc_config import BCConfig

_WORD_DIM = 32
_MAP = 16
"""A feature map's shorter side is at least so many cells."""
_SHARPNESS = 2.0
"""Of the first softmax, per standard deviation of a map: what stands out is seen from the first update on."""


class BCNetwork(nn.Module):
    """Normalised states, pictures and words to normalised actions.

    Args:
        config: Sizes.
    """

    def __init__(self, config: BCConfig) -> None:
        super().__init__()
        settings = config.settings
        self._chunk = (settings.chunk_size, config.action_dim)
        self.eyes = nn.ModuleList(Eye(min(size), settings.keypoints) for size in config.cameras.values())
        self.reader = Reader(len(config.words)) if config.words else None
        inputs = sum(config.states.values()) + 2 * settings.keypoints * len(self.eyes)
        self.gate = nn.Linear(_WORD_DIM, inputs) if config.words else None
        self.into = nn.Linear(inputs, settings.hidden_dim)
        self.blocks = nn.ModuleList(Block(settings.hidden_dim, bool(config.words)) for _ in range(settings.blocks))
        self.out = nn.Linear(settings.hidden_dim, math.prod(self._chunk))

    def forward(self, state: Tensor, pictures: Sequence[Tensor], words: Tensor) -> Tensor:
        """Chunks of actions.

        Args:
            state: (n, S), normalised; S may be 0.
            pictures: uint8 (n, h, w, 3) a camera.
            words: int64 (n, W): the words' numbers from 1 on, 0 for none.

        Returns:
            (n, chunk, A), normalised.
        """
        seen = [eye(picture) for eye, picture in zip(self.eyes, pictures, strict=True)]
        inputs = torch.cat([state, *seen], dim=1)
        meaning: Tensor | None = None
        if self.reader is not None and self.gate is not None:
            meaning = self.reader(words)
            inputs = 2 * torch.sigmoid(self.gate(meaning)) * inputs
        hidden = self.into(inputs)
        for block in self.blocks:
            hidden = block(hidden, meaning)
        return self.out(torch.relu(hidden)).reshape(-1, *self._chunk)


class Eye(nn.Module):
    """A picture to K keypoints, (n, 2K) in [-1, 1]."""

    def __init__(self, side: int, keypoints: int) -> None:
        super().__init__()
        halvings = max(1, int(math.log2(max(side, 2) / _MAP)))
        layers: list[nn.Module] = []
        channels = 3
        for k in range(halvings):
            wider = 16 if k == 0 else 32
            layers += [nn.Conv2d(channels, wider, 5 if k == 0 else 3, stride=2, padding=2 if k == 0 else 1), nn.ReLU()]
            channels = wider
        layers += [nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, keypoints, 1)]
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.sharpness = nn.Parameter(torch.full((keypoints, 1), _SHARPNESS))

    def forward(self, picture: Tensor) -> Tensor:
        maps = self.layers(picture.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1)
        height, width = maps.shape[-2:]
        flat = maps.flatten(2)
        spread, mean = torch.std_mean(flat, dim=2, keepdim=True)
        share = torch.softmax(self.sharpness * (flat - mean) / (spread + 1e-5), dim=2).reshape(maps.shape)
        across = torch.linspace(-1, 1, width, device=maps.device)
        down = torch.linspace(-1, 1, height, device=maps.device)
        x = (share.sum(dim=2) * across).sum(dim=2)
        y = (share.sum(dim=3) * down).sum(dim=2)
        return torch.cat([x, y], dim=1)


class Reader(nn.Module):
    """Words to what they mean, (n, 32); 0 where none of them is known."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words + 1, _WORD_DIM, padding_idx=0)
        nn.init.zeros_(self.vectors.weight)
        self.weigh = nn.Linear(_WORD_DIM, 1)

    def forward(self, words: Tensor) -> Tensor:
        vectors = self.vectors(words)
        score = self.weigh(vectors).squeeze(2).masked_fill(words == 0, -1e9)
        return (torch.softmax(score, dim=1)[:, :, None] * vectors).sum(dim=1)


class Block(nn.Module):
    """h + W relu(FiLM(V norm(h)))."""

    def __init__(self, width: int, reads: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, width)
        self.film = nn.Linear(_WORD_DIM, 2 * width) if reads else None
        self.second = nn.Linear(width, width)
        if self.film is not None:
            nn.init.zeros_(self.film.bias)

    def forward(self, hidden: Tensor, meaning: Tensor | None) -> Tensor:
        inner = self.first(self.norm(hidden))
        if self.film is not None and meaning is not None:
            scale, shift = self.film(meaning).chunk(2, dim=1)
            inner = (1 + scale) * inner + shift
        return hidden + self.second(torch.relu(inner))
