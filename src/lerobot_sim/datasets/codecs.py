"""How pictures are stored: the codecs by name, their settings, and whether they work here.

| name | encoder | stands for |
|---|---|---|
| h264 | x264 veryfast | the default: LeRobot's default size and quality at a fifth of its cost, plays everywhere |
| av1 | SVT-AV1 preset 12 | LeRobot's own default |
| hevc | x265 ultrafast | smaller than h264 at more cost |
| ffv1 | FFV1 in a NUT container | lossless; LeRobot reads it, browsers do not |
| h264_nvenc, h264_vaapi, h264_videotoolbox, … | the graphics card's | where there is one |
| png | images in the data table instead of a video | lossless, large |

Depth is stored as LeRobot stores it: in 12 bits, on a logarithmic scale from `depth_min` to `depth_max` m, as
lossless HEVC; with "png" as whole mm in 16 bits.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, SimError, unknown_name
from lerobot_sim.spec import Camera

from .open_encoder import open_encoder

DEPTH_SHIFT = 3.5
"""m that are added to a depth before its logarithm is taken: LeRobot's."""

DEPTH_CODES = 4095
"""The greatest code of a depth."""

IMAGES_CODEC = "png"
_X265_LEAST = 64
"""x265 4.1 writes beyond its memory in small pictures, such as 32x48, and takes the process with it."""

_X265 = "log-level=error:pools=1:frame-threads=1:bframes=0:no-cutree=1"
"""Without x265's tree of blocks: of pictures up to 48 pixels it writes beyond its memory."""


class EncoderError(SimError, RuntimeError):
    """An encoder that is missing here, or that refuses the pictures."""


@dataclass(frozen=True)
class _Codec:
    library: str
    pix_fmt: str
    preset: str | None
    crf: float | None
    quality: str = "crf"  # the option that crf becomes
    container: str = "mp4"
    even: bool = True  # chroma at half the resolution


CODECS: Mapping[str, _Codec] = {
    "h264": _Codec("libx264", "yuv420p", "veryfast", 23),
    "hevc": _Codec("libx265", "yuv420p", "ultrafast", 24),
    "av1": _Codec("libsvtav1", "yuv420p", "12", 30),
    "ffv1": _Codec("ffv1", "bgr0", None, None, container="nut", even=False),
    "h264_nvenc": _Codec("h264_nvenc", "yuv420p", "p4", 23, "qp"),
    "hevc_nvenc": _Codec("hevc_nvenc", "yuv420p", "p4", 24, "qp"),
    "av1_nvenc": _Codec("av1_nvenc", "yuv420p", "p4", 30, "qp"),
    "h264_vaapi": _Codec("h264_vaapi", "vaapi", None, 23, "qp"),
    "hevc_vaapi": _Codec("hevc_vaapi", "vaapi", None, 24, "qp"),
    "h264_videotoolbox": _Codec("h264_videotoolbox", "yuv420p", None, 23, "q:v"),
    "hevc_videotoolbox": _Codec("hevc_videotoolbox", "yuv420p", None, 24, "q:v"),
    IMAGES_CODEC: _Codec("png", "rgb24", None, None, even=False),
}
_DEPTH = _Codec("hevc", "gray12le", None, None, even=False)


@dataclass(frozen=True, kw_only=True)
class VideoSettings:
    """How the pictures of a dataset are encoded.

    Attributes:
        codec: A name of `CODECS`.
        preset: The encoder's own word for its speed, such as "ultrafast"; None: the codec's default.
        crf: Quality, lower is better; None: the codec's default.
        gop: Frames from one that stands alone to the next: 2 reads fast at random.
        depth_min: Least depth in m that is told from nearer ones.
        depth_max: Greatest depth in m; what is farther is stored as this.

    Raises:
        InputError: A value is out of range, or the codec is none of those.
    """

    codec: str = "h264"
    preset: str | None = None
    crf: float | None = None
    gop: int = 2
    depth_min: float = 0.01
    depth_max: float = 10.0

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise unknown_name("codec", self.codec, CODECS)
        if self.gop < 1:
            raise InputError(f"gop: expected at least 1, {self.gop} came.")
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise InputError(f"crf: expected 0 to 63, {self.crf} came.")
        if not 0 < self.depth_min < self.depth_max:
            raise InputError(f"Depths: expected 0 < depth_min < depth_max, {self.depth_min} and {self.depth_max} came.")

    @property
    def as_images(self) -> bool:
        """Whether pictures lie in the data table instead of in videos."""
        return self.codec == IMAGES_CODEC

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values, the codec's defaults filled in."""
        codec = CODECS[self.codec]
        filled = {"preset": self.preset or codec.preset, "crf": codec.crf if self.crf is None else self.crf}
        return {**vars(self), **filled}


def options_of(settings: VideoSettings, camera: Camera) -> dict[str, str]:
    """What the encoder is told."""
    gop = {"g": str(settings.gop)}
    if camera.kind == "depth":
        return {**gop, "x265-params": f"lossless=1:{_X265}"}
    codec, filled = CODECS[settings.codec], settings.to_dict()
    options = dict(gop)
    if filled["preset"] is not None:
        options["preset"] = str(filled["preset"])
    if filled["crf"] is not None and codec.quality != "q:v":
        options[codec.quality] = f"{filled['crf']:g}"
    elif filled["crf"] is not None:  # videotoolbox counts the other way round, from 100
        options["q:v"] = str(max(1, min(100, round(100 - 2 * filled["crf"]))))
    if codec.library == "libx264":
        options |= {"threads": "1", "bf": "0", "mbtree": "0"}  # the tree reads memory never written: other bytes
    elif codec.library == "libx265":
        options["x265-params"] = _X265
    elif codec.library == "libsvtav1":
        options["svtav1-params"] = "fast-decode=0:lp=1"
    elif codec.library == "ffv1":
        options["threads"] = "1"
    return options


def open_stream(file: Any, settings: VideoSettings, camera: Camera, fps: float) -> tuple[Any, Any]:
    """(container, stream) that write pictures of `camera` to a path or a file object.

    Raises:
        EncoderError: The encoder is missing or refuses.
        OSError: The file cannot be written.
    """
    import av
    from av.error import FFmpegError

    codec = _DEPTH if camera.kind == "depth" else CODECS[settings.codec]
    container = av.open(file, mode="w", format=codec.container)
    try:
        rate = Fraction(fps).limit_denominator(10_000)
        stream: Any = container.add_stream(codec.library, rate=rate, options=options_of(settings, camera))
        stream.width, stream.height, stream.pix_fmt = camera.width, camera.height, codec.pix_fmt
        stream.codec_context.time_base = 1 / rate
        open_encoder(stream)
    except (FFmpegError, ValueError) as error:
        container.close()
        raise EncoderError(_refused(codec.library, settings.codec, error)) from error
    return container, stream


def check_cameras_can_be_stored(settings: VideoSettings, cameras: Mapping[str, Camera]) -> None:
    """Refuses pictures that no codec takes, before anything is recorded.

    Raises:
        InputError: A camera of a kind or size that cannot be stored.
    """
    for name, camera in cameras.items():
        if camera.kind == "segmentation":
            raise InputError(
                f"Camera '{name}': LeRobot's format has no place for segmentation. Record 'rgb' or 'depth', and "
                "render segmentation later from the stored states."
            )
        odd = camera.height % 2 or camera.width % 2
        if odd and (camera.kind == "depth" or CODECS[settings.codec].even) and not settings.as_images:
            raise InputError(
                f"Camera '{name}': {settings.codec} needs even sizes, {camera.height}x{camera.width} came. "
                "Give even ones, or a codec without loss: ffv1, png."
            )
        hevc = CODECS[settings.codec].library == "libx265" or (camera.kind == "depth" and not settings.as_images)
        if hevc and min(camera.height, camera.width) < _X265_LEAST:
            raise InputError(
                f"Camera '{name}': x265 needs {_X265_LEAST} pixels each way, {camera.height}x{camera.width} came. "
                "Give a larger size, or another codec: h264, png."
            )
        if name in ("", ".", "..") or "\\" in name:
            raise InputError(f"A camera's name names a folder of the dataset, '{name}' cannot. Use letters and digits.")
        if "/" in name:
            raise InputError(f"LeRobot allows no '/' in a camera's name, '{name}' came. Use '.' instead.")


def probe(settings: VideoSettings, camera: Camera, fps: float) -> dict[str, Any]:
    """Encodes a few pictures, once a process, and returns the `info` that LeRobot writes of such a feature.

    Raises:
        EncoderError: The encoder is missing here or refuses.
    """
    if settings.as_images:
        return {"is_depth_map": True, "depth_unit": "mm"} if camera.kind == "depth" else {}
    return dict(_probed(settings, camera, fps))


@cache
def _probed(settings: VideoSettings, camera: Camera, fps: float) -> dict[str, Any]:
    import av
    from av.error import FFmpegError

    file = io.BytesIO()
    try:
        container, stream = open_stream(file, settings, camera, fps)
        shape = (camera.height, camera.width)
        for number in range(3):
            image = np.full((*shape, 3) if camera.kind == "rgb" else (*shape, 1), number, np.uint8)
            container.mux(stream.encode(to_frame(image, settings, camera, number)))
        container.mux(stream.encode(None))
        container.close()
    except (FFmpegError, ValueError) as error:
        raise EncoderError(_refused(settings.codec, settings.codec, error)) from error
    file.seek(0)
    with av.open(file) as reader:
        return _info(reader.streams.video[0], settings, camera)


def to_frame(image: NDArray[Any], settings: VideoSettings, camera: Camera, number: int) -> Any:
    """Picture `number` of a video as FFmpeg's frame; the same bytes give the same video."""
    import av

    if camera.kind == "rgb":
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")  # aligned: else last bits differ now and then
    else:
        frame = av.VideoFrame(camera.width, camera.height, "gray12le")
        plane: Any = frame.planes[0]
        rows = np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)
        rows[: camera.height, : camera.width] = depth_codes(image[..., 0], settings)
    frame.pts = number
    return frame


def depth_codes(depth: NDArray[Any], settings: VideoSettings) -> NDArray[np.uint16]:
    """Depths in m as uint16 codes from 0 to `DEPTH_CODES`."""
    low, high = np.log([settings.depth_min + DEPTH_SHIFT, settings.depth_max + DEPTH_SHIFT])
    clipped = np.clip(depth.astype(np.float32), settings.depth_min, settings.depth_max)
    return np.rint((np.log(clipped + np.float32(DEPTH_SHIFT)) - low) * (DEPTH_CODES / (high - low))).astype(np.uint16)


def depth_of_codes(codes: NDArray[Any], settings: VideoSettings) -> NDArray[np.float32]:
    """The inverse of `depth_codes`: float32 m."""
    low, high = np.log([settings.depth_min + DEPTH_SHIFT, settings.depth_max + DEPTH_SHIFT])
    depth = np.exp(codes * ((high - low) / DEPTH_CODES) + low) - DEPTH_SHIFT
    return np.clip(depth, settings.depth_min, settings.depth_max).astype(np.float32)


def _info(stream: Any, settings: VideoSettings, camera: Camera) -> dict[str, Any]:
    depth = camera.kind == "depth"
    filled = settings.to_dict()
    info = {
        "video.height": camera.height,
        "video.width": camera.width,
        "video.codec": stream.codec.canonical_name,
        "video.pix_fmt": stream.pix_fmt,
        "video.fps": int(stream.base_rate),
        "video.channels": 1 if depth else 3,
        "has_audio": False,
        "video.g": settings.gop,
        "video.crf": 30 if depth else filled["crf"],
        "video.preset": None if depth else _number_or_word(filled["preset"]),
        "video.fast_decode": 0,
        "video.video_backend": "pyav",
        "video.extra_options": {"x265-params": "lossless=1"} if depth else {},
        "is_depth_map": depth,
    }
    if depth:
        info |= {"video.depth_min": settings.depth_min, "video.depth_max": settings.depth_max}
        info |= {"video.shift": DEPTH_SHIFT, "video.use_log": True, "depth_unit": "m"}
    return info


def _refused(library: str, codec: str, error: Exception) -> str:
    missing = "UnknownCodec" in type(error).__name__
    what = f"there is no encoder '{library}' in PyAV here" if missing else f"the encoder '{library}' refuses: {error}"
    return (
        f"Codec '{codec}': {what}. Every installation has h264, hevc, av1, ffv1 and png; those of graphics cards need "
        "the card, its driver, and a PyAV that was built with them."
    )


def _number_or_word(preset: str | None) -> int | str | None:
    return int(preset) if preset is not None and preset.isdigit() else preset
