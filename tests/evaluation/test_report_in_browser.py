"""The report's page in a real browser: it sorts, filters, plays, and asks nothing of the network."""

import numpy as np
import pytest

from lerobot_sim.datasets.video import VideoWriter
from lerobot_sim.evaluation.compare import compare
from lerobot_sim.evaluation.compare_page import write_comparison
from lerobot_sim.evaluation.report import write_report
from tests.evaluation.browser import CHROMIUM, MISSING, Browser
from tests.evaluation.runs import episode, run_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

EVIL = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>\"' onload=\"window.hacked=3"
ROWS = "[...document.querySelectorAll('#episode-table tbody tr')].map(r => [...r.cells].map(c => c.textContent))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


def video(path, shade):
    with VideoWriter(path, 10, 48, 64) as writer:
        for i in range(12):
            frame = np.full((48, 64, 3), shade, np.uint8)
            frame[10:30, 4 * i : 4 * i + 12] = 255
            writer.write(frame)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Two tasks of 40 episodes, with videos, a fault, an error of the policy, and strings that mean harm."""
    folder = tmp_path_factory.mktemp("run")
    marked = [
        episode("push-t", 0, False, video="videos/seed_0.mp4", instruction=EVIL, explanation=EVIL),
        episode("push-t", 1, True, video="videos/seed_1.mp4", params={EVIL: EVIL}),
        episode("push-t", 5, False, end="FAULT", explanation="The simulator died."),
        episode("reach", 7, False, end="POLICY", explanation="The action was not finite."),
    ]
    for number in (0, 1):
        video(folder / "videos" / f"seed_{number}.mp4", 60 * number)
    generator = np.random.default_rng(0)
    outcomes = {"push-t": (generator.random(40) < 0.6).tolist(), "reach": (generator.random(40) < 0.95).tolist()}
    run_of(folder, outcomes, episodes=marked, policy={"identity": EVIL, "argument": EVIL}, command=["eval", EVIL])
    return write_report(folder)["html"]


def column(browser, name):
    heads = browser.run("[...document.querySelectorAll('#episode-table thead th')].map(h => h.dataset.column)")
    return [row[heads.index(name)] for row in browser.run(ROWS)]


def test_nothing_is_asked_of_the_network_and_nothing_goes_wrong(browser, report):
    browser.open(report)
    browser.wait("[...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    strange = [url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))]
    assert strange == []
    assert [url for url in browser.requests if url.startswith("file:")] == [report.as_uri()]
    assert browser.errors == []


def test_strings_of_a_run_are_never_run(browser, report):
    browser.open(report)
    assert browser.run("window.hacked === undefined")
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert EVIL in browser.run("document.querySelector('h1').textContent")
    assert any(EVIL in cell for row in browser.run(ROWS) for cell in row)
    assert browser.errors == []


def test_a_script_that_is_not_ours_is_refused(browser, report, tmp_path):
    """Even if something did get into the page, the page's own policy would not run it."""
    broken = tmp_path / "broken.html"
    broken.write_text(report.read_text().replace("</main>", "<script>window.hacked = 1</script></main>"))
    browser.open(broken)
    assert browser.run("window.hacked === undefined")
    assert any("Content Security Policy" in error for error in browser.errors)


def test_a_click_sorts_the_tasks(browser, report):
    browser.open(report)
    names = "[...document.querySelectorAll('#tasks tbody th')].map(h => h.textContent)"
    assert browser.run(names) == ["push-t", "reach"]
    browser.click("#tasks thead th:nth-child(2) button")  # by success, best first
    assert browser.run(names) == ["reach", "push-t"]
    assert browser.run("document.querySelector('#tasks thead th:nth-child(2)').ariaSort") == "descending"
    browser.click("#tasks thead th:nth-child(2) button")
    assert browser.run(names) == ["push-t", "reach"]


def test_clicks_sort_the_episodes_and_turn_the_pages(browser, report):
    browser.open(report)
    assert len(browser.run(ROWS)) == 25
    assert "80 of 80 episodes, page 1 of 4" in browser.run("document.getElementById('count').textContent")
    browser.click("#episode-table th[data-column=steps] button")
    steps = [int(value) for value in column(browser, "steps")]
    assert steps == sorted(steps, reverse=True)
    browser.click("#next")
    further = [int(value) for value in column(browser, "steps")]
    assert max(further) <= min(steps)
    browser.click("#episode-table th[data-column='solved at'] button")
    solved = column(browser, "solved at")
    assert [int(value) for value in solved] == sorted(map(int, solved), reverse=True)  # those without one come last


def test_filters_and_words_narrow_the_episodes(browser, report):
    browser.open(report)
    choose = """(name, value) => {
      const select = document.querySelector(`[data-filter=${name}]`);
      select.value = value;
      select.dispatchEvent(new Event('change')) }"""
    browser.run(f"({choose})('outcome', '=fault')")
    assert column(browser, "outcome") == ["fault"]
    browser.run(f"({choose})('outcome', '=failure')")
    assert set(column(browser, "outcome")) == {"failure"}
    browser.run(f"({choose})('task', '=reach')")
    assert set(column(browser, "task")) == {"reach"}
    browser.run(f"({choose})('task', 'any'); ({choose})('outcome', 'any')")
    browser.click("#search")
    for sign in "not finite":
        browser.call("Input.dispatchKeyEvent", type="char", text=sign)
    assert column(browser, "outcome") == ["policy error"]


def test_videos_play_from_inside_the_page(browser, report):
    browser.open(report)
    assert browser.run("document.querySelectorAll('video').length") == 2
    assert browser.run("document.querySelector('.clip figcaption b').textContent") == "first failure"
    browser.click("#play")
    browser.wait("[...document.querySelectorAll('video')].every(v => !v.paused && v.currentTime > 0.2)")
    assert browser.run("[document.querySelector('video').videoWidth, document.querySelector('video').videoHeight]") == [
        64,
        48,
    ]
    assert browser.run("document.querySelector('video').error === null")
    assert browser.run("document.querySelector('video').poster.startsWith('data:image/jpeg')")


def test_videos_that_are_too_large_are_linked_and_play_beside_the_page(browser, report):
    page = write_report(report.parent, embed_mb=0)["html"]
    browser.open(page)
    assert "are linked" in browser.run("document.getElementById('videos').textContent")
    browser.click("#play")
    browser.wait("[...document.querySelectorAll('video')].every(v => v.currentTime > 0.1)")
    write_report(report.parent)


def test_videos_play_without_our_script_too(browser, report, tmp_path):
    bare = tmp_path / "bare.html"
    bare.write_text(report.read_text().replace("data-embedded", "data-unused"))
    browser.open(bare)
    browser.wait("document.querySelector('video').readyState >= 2")
    assert browser.run("document.querySelector('video').src.startsWith('data:video/mp4')")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_is_never_wider_than_the_screen(browser, report, width):
    browser.open(report, width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_in_light_and_dark(browser, report, dark):
    """WCAG's contrast of text on its card, at least 4.5."""
    browser.open(report, dark=dark)
    contrast = """(() => {
      const part = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
      const light = colour => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(v => part(v / 255));
        return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2] };
      const style = selector => getComputedStyle(document.querySelector(selector));
      const card = light(style('.card').backgroundColor);
      return ['h2', '.soft', 'td', 'th', 'figcaption', '.key', '.eyebrow', '.outcome']
        .map(selector => light(style(selector).color))
        .map(text => (Math.max(text, card) + .05) / (Math.min(text, card) + .05)) })()"""
    assert min(browser.run(contrast)) >= 4.5
    before = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.click("#theme")
    assert browser.run("getComputedStyle(document.body).backgroundColor") != before


def test_everything_that_acts_has_a_name(browser, report):
    browser.open(report)
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    acting = {"button", "textbox", "searchbox", "combobox", "link", "image", "Video", "table"}
    unnamed = [
        node["role"]["value"]
        for node in tree
        if not node.get("ignored") and node["role"]["value"] in acting and not node.get("name", {}).get("value")
    ]
    assert unnamed == []


def test_it_can_be_printed(browser, report):
    """Black on white, whatever the screen has, and no wider than the paper."""
    browser.open(report, width=794, dark=True)
    scheme = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.click("#theme")
    browser.click("#theme")
    browser.call("Emulation.setEmulatedMedia", media="print", features=scheme)
    colours = "['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name])"
    assert browser.run(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert browser.run("document.documentElement.scrollWidth") <= 794
    assert browser.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    pdf = browser.call("Page.printToPDF", printBackground=False)["data"]
    assert len(pdf) > 20_000


def test_a_comparison_is_such_a_page_too(browser, tmp_path):
    for number, name in enumerate(("a", "b", "c")):
        run_of(tmp_path / name, (np.random.default_rng(number).random(50) < 0.9 - 0.3 * number).tolist())
    found = compare({EVIL: tmp_path / "a", "b": tmp_path / "b", "c": tmp_path / "c"})
    page = write_comparison(tmp_path / "comparison", found)[0]
    browser.open(page)
    assert browser.run("window.hacked === undefined")
    names = "[...document.querySelectorAll('#policies tbody th')].map(h => h.textContent)"
    assert browser.run(names) == [EVIL, "b", "c"]
    browser.click("#policies thead th:nth-child(5) button")
    browser.click("#policies thead th:nth-child(1) button")
    browser.click("#policies thead th:nth-child(1) button")
    assert browser.run(names)[0] == "c"
    assert browser.errors == []
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []
