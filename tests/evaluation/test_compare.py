import numpy as np
import pytest
from scipy import stats

from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.evaluation.compare import compare
from lerobot_sim.evaluation.compare_text import as_json, markdown, sentences
from tests.evaluation.runs import episode, run_of


def successes(rate, count, seed):
    return (np.random.default_rng(seed).random(count) < rate).tolist()


@pytest.fixture
def two(tmp_path):
    first, second = successes(0.9, 60, 0), successes(0.6, 60, 1)
    run_of(tmp_path / "act", first)
    run_of(tmp_path / "random", second, identity="random")
    return {"act": tmp_path / "act", "random": tmp_path / "random"}, first, second


def test_the_same_seeds_are_compared_in_pairs(two):
    folders, first, second = two
    found = compare(folders)
    (pair,) = found.pairs
    b = sum(a and not c for a, c in zip(first, second, strict=True))
    c = sum(c and not a for a, c in zip(first, second, strict=True))
    assert (pair.first_only, pair.second_only, pair.episodes) == (b, c, 60)
    assert pair.p_value == pytest.approx(stats.binomtest(b, b + c).pvalue)
    assert pair.difference == pytest.approx(sum(first) / 60 - sum(second) / 60)
    assert pair.apart
    assert [one.name for one in found.standings] == ["act", "random"]
    assert [one.letters for one in found.standings] == ["a", "b"]
    best = stats.binomtest(sum(first), 60).proportion_ci(0.95, "exact")
    assert (found.standings[0].low, found.standings[0].high) == pytest.approx((best.low, best.high))


def test_the_order_of_the_arguments_does_not_matter(two):
    folders, _, _ = two
    turned = dict(reversed(folders.items()))
    assert compare(folders).pairs == compare(turned).pairs
    assert compare(folders).standings == compare(turned).standings


def test_seeds_are_matched_by_seed_and_not_by_place(tmp_path):
    """The same outcomes by seed, written in another order: no difference at all."""
    run_of(tmp_path / "a", [True, False, True, False])
    run = run_of(tmp_path / "b", [True, False, True, False])
    turned = [episode("push-t", 3 - i, i % 2 == 1, index=i) for i in range(4)]
    tasks = {"seeds": [3, 2, 1, 0]}
    run_of(tmp_path / "b", [True] * 4, tasks=tasks, episodes=turned)
    (pair,) = compare({"a": tmp_path / "a", "b": tmp_path / "b"}).pairs
    assert (pair.first_only, pair.second_only, pair.difference) == (0, 0, 0.0)
    assert run.complete


def test_many_policies_get_letters_and_holms_p_values(tmp_path):
    rates = {"best": 0.97, "good": 0.93, "middle": 0.6, "poor": 0.2}
    for number, (name, rate) in enumerate(rates.items()):
        run_of(tmp_path / name, successes(rate, 80, number))
    found = compare({name: tmp_path / name for name in ["poor", "good", "best", "middle"]})
    assert [one.name for one in found.standings] == ["best", "good", "middle", "poor"]
    assert [one.letters for one in found.standings] == ["a", "a", "b", "c"]
    assert len(found.pairs) == 6
    assert all(pair.adjusted >= pair.p_value for pair in found.pairs)
    assert sentences(found) == [
        "'best' is best, but cannot be told apart from 'good'.",
        "5 of 6 pairs are told apart.",
    ]


def test_apart_is_by_holms_p_value_and_not_by_its_own(tmp_path):
    """One of six looks different by itself (p = 0.03), and not among six."""
    base = [True] * 10 + [False] * 20
    for name, more in {"a": 0, "b": 6, "c": 3, "d": 2}.items():
        run_of(tmp_path / name, [True] * (10 + more) + base[10 + more :])
    found = compare({name: tmp_path / name for name in "abcd"})
    best = next(pair for pair in found.pairs if {pair.first, pair.second} == {"a", "b"})
    assert best.p_value == pytest.approx(2 / 2**6)
    assert best.adjusted == pytest.approx(6 * 2 / 2**6)
    assert not any(pair.apart for pair in found.pairs)
    assert {one.letters for one in found.standings} == {"a"}


def test_equal_policies_are_rarely_told_apart(tmp_path):
    wrong = 0
    for draw in range(40):
        for name in "abc":
            run_of(tmp_path / name, successes(0.7, 30, 100 * draw + ord(name)), summed=False)
        wrong += any(pair.apart for pair in compare({name: tmp_path / name for name in "abc"}).pairs)
    assert wrong <= 5


def test_other_seeds_are_refused_and_compared_by_an_explicit_flag(tmp_path):
    first, second = successes(0.9, 50, 0), successes(0.5, 40, 1)
    run_of(tmp_path / "a", first)
    run_of(tmp_path / "b", second, first_seed=1000, seed=1)
    folders = {"a": tmp_path / "a", "b": tmp_path / "b"}
    with pytest.raises(InputError, match=r"different seeds.*--seed.*--unpaired"):
        compare(folders)
    found = compare(folders, unpaired=True)
    expected = stats.barnard_exact([[sum(first), sum(second)], [50 - sum(first), 40 - sum(second)]], n=256).pvalue
    assert found.pairs[0].p_value == pytest.approx(expected, rel=5e-3)
    assert found.pairs[0].first_only is None
    assert "Barnard" in markdown(found)
    with pytest.raises(InputError, match="successes only"):
        compare(folders, unpaired=True, measure="total_reward")


def test_seeds_among_the_others_are_shared(tmp_path):
    run_of(tmp_path / "long", successes(0.9, 60, 0))
    run_of(tmp_path / "short", successes(0.9, 20, 0))
    found = compare({"long": tmp_path / "long", "short": tmp_path / "short"})
    assert [one.episodes for one in found.standings] == [20, 20]
    assert any("20 seeds are compared" in remark for remark in found.remarks)


def test_faults_are_left_out_and_policy_errors_are_failures(tmp_path):
    fault = episode("push-t", 2, False, end="FAULT", explanation="The simulator died.")
    broken = episode("push-t", 3, False, end="POLICY", explanation="NaN")
    run_of(tmp_path / "a", [True] * 10, episodes=[fault])
    run_of(tmp_path / "b", [True] * 10, episodes=[broken])
    found = compare({"a": tmp_path / "a", "b": tmp_path / "b"})
    assert [one.episodes for one in found.standings] == [9, 9]
    assert (found.standings[0].faults, found.standings[0].value) == (1, 1.0)
    assert (found.standings[1].policy_errors, found.standings[1].value) == (1, pytest.approx(8 / 9))
    assert "fault of the simulator" in markdown(found)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"protocol": {"id": "push-t", "version": 2}}, "protocol push-t version 1"),
        ({"tasks": {"env_version": 2}}, "env_version is 1 in 'a' and 2 in 'b'"),
        ({"tasks": {"success_rule": "final"}}, "success_rule"),
        ({"tasks": {"max_steps": 100}}, "max_steps"),
        ({"tasks": {"env_options": {"robot": "so100"}}}, "env_options"),
    ],
)
def test_other_questions_are_refused(tmp_path, more, words):
    run_of(tmp_path / "a", [True, False])
    run_of(tmp_path / "b", [True, True], **more)
    with pytest.raises(InputError, match=words):
        compare({"a": tmp_path / "a", "b": tmp_path / "b"})


def test_other_params_of_a_task_are_refused(tmp_path):
    """A protocol's file that was changed under its old name."""
    for name, friction in (("a", 0.7), ("b", 0.8)):
        settings = {"tasks": {"push-t": {"params": {"pad_friction": friction}}}}
        run_of(tmp_path / name, [True, False], settings=settings)
    with pytest.raises(InputError, match=r"'pad_friction': 0\.7\} in 'a' and \{'pad_friction': 0\.8\}"):
        compare({name: tmp_path / name for name in "ab"})


def test_latency_is_no_sample_of_the_seeds(tmp_path):
    for name in "ab":
        timed = [episode(seed=i, metrics={"inference_latency": 1.0 + (name == "b")}) for i in range(9)]
        done = run_of(tmp_path / name, [True] * 9, episodes=timed)
        assert done.summary["suite"]["metrics"]["inference_latency"]["interval"] is None
    with pytest.raises(InputError, match="no test of episodes"):
        compare({name: tmp_path / name for name in "ab"}, measure="inference_latency")


def test_other_tasks_are_refused(tmp_path):
    run_of(tmp_path / "a", {"reach": [True], "push": [True]})
    run_of(tmp_path / "b", {"reach": [True], "pick": [True]})
    with pytest.raises(InputError, match="only the first has push, only the second pick"):
        compare({"a": tmp_path / "a", "b": tmp_path / "b"})


def test_what_differs_without_forbidding_it_is_told(tmp_path):
    run_of(tmp_path / "a", [True, False])
    run_of(
        tmp_path / "b",
        [True, "missing"],
        versions={"lerobot-sim": "0.1.0", "python": "3.12.1", "numpy": "2.3.0"},
        settings={"policy": "x", "num_envs": 1, "latency": {"steps": 3}},
    )
    told = " ".join(compare({"a": tmp_path / "a", "b": tmp_path / "b"}).remarks)
    assert "Version of numpy differs: 'a' 2.2.6, 'b' 2.3.0" in told
    assert "Setting latency.steps differs: 'a' none, 'b' 3" in told
    assert "'b' is unfinished: 1 of 2" in told


def test_suites_weigh_tasks_the_same(tmp_path):
    run_of(tmp_path / "a", {"reach": [True] * 10, "push": [False] * 10})
    run_of(tmp_path / "b", {"reach": [True] * 10, "push": [True] * 10})
    found = compare({"a": tmp_path / "a", "b": tmp_path / "b"})
    assert [(one.name, one.value) for one in found.standings] == [("b", 1.0), ("a", 0.5)]
    assert found.pairs[0].p_value == pytest.approx(2 / 2**10)


def test_any_measure_can_be_compared(two):
    found = compare(two[0], measure="total_reward")
    assert found.pairs[0].p_value < 0.01
    assert found.pairs[0].low < found.pairs[0].difference < found.pairs[0].high
    assert compare(two[0], measure="action_smoothness").pairs[0].p_value == 1.0
    with pytest.raises(InputError, match=r"smooth.*Did you mean|Did you mean.*smooth"):
        compare(two[0], measure="action_smoothnes")
    with pytest.raises(InputError, match="No variation"):
        compare(two[0], arm="friction=2")


def test_without_a_success_a_measure_is_asked_for(tmp_path):
    for name in "ab":
        run_of(tmp_path / name, [None, None], tasks={"success_rule": "none"})
    folders = {name: tmp_path / name for name in "ab"}
    with pytest.raises(InputError, match=r"defines no success.*--metric"):
        compare(folders)
    assert compare(folders, measure="length").pairs[0].p_value == 1.0


def test_folders_that_hold_nothing(two, tmp_path):
    with pytest.raises(StorageError, match=r"no run\.json"):
        compare({**two[0], "c": tmp_path})
    with pytest.raises(InputError, match="at least two"):
        compare({"act": two[0]["act"]})


def test_tables_hold_what_was_found_and_cannot_be_broken(two):
    folders, first, _ = two
    text = markdown(compare({"a|b <script>": folders["act"], "random": folders["random"]}))
    assert "a\\|b \\<script\\>" in text
    assert f"{sum(first) / 60:.1%}" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines[:4]}) == 1
    import json

    assert json.loads(json.dumps(as_json(compare(folders)), allow_nan=False))["pairs"][0]["first"] == "act"
