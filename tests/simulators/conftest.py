import pytest


@pytest.fixture(autouse=True)
def _dummy_display(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # gymnasium's own drawings are pygame's
