"""The demo's Vimeo90k tree."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evfi.demo.options import DemoOptions
from evfi.demo.septuplets import clip_scene, plan_clips, render_clip, write_lists
from evfi.demo.textures import PHOTOGRAPHS
from evfi.io.septuplets import read_list, read_septuplet, septuplet_times_us

SMOKE = DemoOptions.smoke()


def folders(plans, split):
    return {plan.clip_id.split("/")[0] for plan in plans if plan.split == split}


@given(train=st.integers(1, 60), test=st.integers(1, 60), size=st.integers(1, 9))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_planned_clips_are_as_many_as_asked_for_and_splits_share_no_folder(train, test, size):
    plans = plan_clips(SMOKE.replaced(train_clips=train, test_clips=test, clips_per_folder=size))
    ids = [plan.clip_id for plan in plans]
    assert sum(plan.split == "train" for plan in plans) == train
    assert sum(plan.split == "test" for plan in plans) == test
    assert ids == sorted(set(ids))
    assert not folders(plans, "train") & folders(plans, "test")
    numbers = sorted({int(clip_id[:5]) for clip_id in ids})
    assert numbers == list(range(1, len(numbers) + 1))


def test_test_folders_stand_between_train_folders_and_clips_of_a_folder_share_a_background():
    plans = plan_clips(DemoOptions())
    assert "00001/0001" in {plan.clip_id for plan in plans}
    assert min(folders(plans, "test")) < max(folders(plans, "train"))
    backgrounds: dict[str, set[str]] = {}
    for plan in plans:
        backgrounds.setdefault(plan.clip_id[:5], set()).add(plan.background)
    assert all(len(names) == 1 for names in backgrounds.values())
    assert len({frozenset(names) for names in backgrounds.values()}) > 4


def test_scenes_use_the_photographs_of_their_split_only():
    for plan in plan_clips(DemoOptions())[:: DemoOptions().clips_per_folder]:
        scene, _, _ = clip_scene(plan, DemoOptions())
        assert set(scene.photographs) <= set(PHOTOGRAPHS[plan.split])
        assert scene.photographs[0] == plan.background


def test_a_rendered_clip_is_a_genuine_septuplet(tmp_path):
    plan = plan_clips(SMOKE)[1]
    result = render_clip(plan, SMOKE, tmp_path)
    frames = read_septuplet(tmp_path, plan.clip_id)
    assert frames.shape == (7, SMOKE.clip_height, SMOKE.clip_width, 3)
    steps = np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert steps.min() > 0.5
    assert result.motion.pairs == 6
    assert 3_000 <= result.exposure_us < 12_000


def test_frames_are_a_thirtieth_of_a_second_apart():
    _, t_us, _ = clip_scene(plan_clips(SMOKE)[0], SMOKE)
    np.testing.assert_array_equal(t_us - t_us[0], septuplet_times_us())


def test_the_lists_name_every_clip_once(tmp_path):
    plans = plan_clips(SMOKE)
    write_lists(plans, tmp_path)
    train, test = read_list(tmp_path / "sep_trainlist.txt"), read_list(tmp_path / "sep_testlist.txt")
    assert sorted(train + test) == [plan.clip_id for plan in plans]
    assert len(train) == SMOKE.train_clips
    assert (tmp_path / "sep_trainlist.txt").read_text().startswith("00001/0001\n")
