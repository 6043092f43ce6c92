"""Promised: each image is forwarded once, ever, and its embedding depends on nothing but its content and the spec."""

import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from PIL import Image

from featx.cache import EmbeddingCache
from featx.cache.interface import EmbeddingStore
from featx.exceptions import ImageDecodeError, ParameterError
from featx.extraction.extract import ensure_embeddings, extract_embeddings
from featx.images.sources import ImageSource, as_sources, read_image
from featx.networks.backbone import Backbone, BackboneSource
from featx.networks.resolve import resolve_backbone

LAST, EARLY = ("features.12", "avg"), ("features.6", "max")


@pytest.fixture(scope="session")
def patches(photos, tmp_path_factory):
    """The paths of 70 different pieces of photographs."""
    folder = tmp_path_factory.mktemp("patches")
    rng = np.random.default_rng(0)
    pictures = [read_image(path) for path in photos.values()]
    paths = []
    for number in range(70):
        picture = pictures[number % len(pictures)]
        top, left = rng.integers(0, 200, 2)
        paths.append(str(folder / f"{number}.png"))
        Image.fromarray(picture[top : top + 60 + number, left : left + 80]).save(paths[-1], compress_level=1)
    return paths


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def extract(tiny, cache):
    """Extract with the tiny network into one cache."""
    source = resolve_backbone(**tiny)

    def call(paths, **options):
        options = {"views": [LAST], "cache": cache, **options}
        return extract_embeddings(as_sources(paths), options.pop("source", source), **options)

    call.source, call.spec = source, lambda view: source.spec(view, "float32")
    return call


@pytest.fixture
def unbuildable(monkeypatch):
    def fail(self, device):
        raise AssertionError("the network was built")

    return lambda: monkeypatch.setattr(BackboneSource, "load", fail)


def assert_same(got, expected):
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


def spoil(path, name="spoiled.png"):
    """Write the first half of a file beside it."""
    data = Path(path).read_bytes()
    spoiled = Path(path).with_name(name)
    spoiled.write_bytes(data[: len(data) // 2])
    return str(spoiled)


def test_embeddings_do_not_depend_on_batches_threads_or_order(extract, patches):
    expected = extract(patches, cache=None, batch_size=1, n_jobs=1).embeddings[0]
    assert expected.shape == (70, 512)
    assert expected.dtype == np.float32
    assert len(np.unique(expected.round(6), axis=0)) == 70
    for batch_size, n_jobs in [(7, 4), (64, 1), (64, 4), ("auto", -1)]:
        got = extract(patches, cache=None, batch_size=batch_size, n_jobs=n_jobs).embeddings[0]
        assert_same(got, expected)
    order = np.random.default_rng(1).permutation(70)
    shuffled = extract([patches[i] for i in order], cache=None).embeddings[0]
    assert_same(shuffled, expected[order])


def test_cached_embeddings_are_those_that_were_computed(extract, patches):
    cold, warm = extract(patches), extract(patches[::-1])
    assert np.array_equal(warm.embeddings[0][::-1], cold.embeddings[0])
    assert_same(cold.embeddings[0], extract(patches, cache=None).embeddings[0])


def test_everything_cached_forwards_nothing_and_builds_nothing(extract, patches, forwards, unbuildable):
    first = extract(patches)
    assert forwards.since() == first.n_forwarded == 70
    unbuildable()
    second = extract(patches)
    assert forwards.since() == second.n_forwarded == 0
    assert second.n_images == 70
    assert set(second.seconds) == {"digest", "read", "decode", "wait", "forward", "write", "gather"}
    assert second.seconds["forward"] == 0


@pytest.fixture
def lookups(monkeypatch):
    """The look-ups in stores so far, by method and layer, which a call forgets."""
    seen = []

    def count(method):
        look_up = getattr(EmbeddingStore, method)

        def counted(self, spec, digests, **options):
            seen.append((method, spec.layer))
            return look_up(self, spec, digests, **options)

        monkeypatch.setattr(EmbeddingStore, method, counted)

    def since():
        found = list(seen)
        seen.clear()
        return found

    count("contains")
    count("get")
    return since


@pytest.mark.parametrize("stored", [True, False], ids=["cache", "memory"])
def test_a_cold_image_is_looked_up_three_times_and_a_known_one_once(extract, patches, cache, lookups, stored):
    """To tell what is missing, once the device is this process's own, and to read; each further one takes a listing."""
    options = {"cache": cache if stored else None}
    extract(patches[:2], **options)
    (layer, _), (early, _) = LAST, EARLY
    assert lookups() == [("get", layer), ("contains", layer), ("get", layer)]
    extract(patches[2:4], views=[LAST, EARLY], **options)
    looks = [("get", layer), ("contains", early), ("contains", layer), ("contains", early)]
    assert lookups() == [*looks, ("get", layer), ("get", early)]
    extract(patches[:2], **options)
    assert len(lookups()) == (1 if stored else 3)


def test_rows_that_are_not_read_back_are_looked_up_three_times_too(extract, patches, cache, lookups):
    for expected in (3, 1):
        ensure_embeddings(as_sources(patches[:2]), extract.source, views=[LAST], store=cache)
        assert lookups() == [("contains", LAST[0])] * expected


def test_new_images_forward_alone(extract, patches, forwards):
    extract(patches[:30])
    assert forwards.since() == 30
    assert extract(patches[::-1][:45] + patches[:30]).n_forwarded == 40
    assert forwards.since() == 40


@pytest.mark.parametrize("caching", [True, False])
def test_duplicated_content_is_forwarded_once(extract, patches, cache, forwards, tmp_path, caching):
    twin = tmp_path / "twin.png"
    twin.write_bytes(Path(patches[0]).read_bytes())
    got = extract([*patches[:3], str(twin), patches[2]], cache=cache if caching else None).embeddings[0]
    assert forwards.since() == 3
    assert np.array_equal(got[[0, 2]], got[[3, 4]])


def test_several_views_come_from_one_pass(extract, patches, forwards, unbuildable):
    both = extract(patches[:9], views=[LAST, EARLY, ("features.6", "avg")])
    assert forwards.since() == both.n_forwarded == 9
    assert [rows.shape for rows in both.embeddings] == [(9, 512), (9, 256), (9, 256)]
    unbuildable()
    for view, rows in zip([LAST, EARLY], both.embeddings, strict=False):
        assert np.array_equal(extract(patches[:9], views=[view]).embeddings[0], rows)


def test_a_view_added_later_leaves_the_rows_of_others_alone(extract, patches, cache, forwards):
    before = extract(patches[:9]).embeddings[0]
    folder = cache.root / extract.spec(LAST).digest
    files = {path: path.read_bytes() for path in folder.glob("*.h5")}
    after = extract(patches[:9], views=[LAST, EARLY])
    assert forwards.since() == 9 + 9
    assert np.array_equal(after.embeddings[0], before)
    assert {path: path.read_bytes() for path in folder.glob("*.h5")} == files


def test_an_unreadable_image_raises_its_name_and_what_was_before_is_kept(extract, patches, forwards):
    spoiled = spoil(patches[0])
    with pytest.raises(ImageDecodeError, match=r"cannot read image .*spoiled\.png: .*truncated"):
        extract([*patches[:8], spoiled, *patches[8:]], batch_size=4)
    assert forwards.since() >= 8
    assert extract(patches[:8]).n_forwarded == 0


def test_an_absent_image_raises_its_name_before_anything_is_forwarded(extract, patches, forwards):
    with pytest.raises(ImageDecodeError, match=r"cannot read image /nowhere/x\.png: No such file"):
        extract([*patches[:3], "/nowhere/x.png"])
    assert forwards.since() == 0


@pytest.mark.parametrize("caching", [True, False])
def test_unreadable_images_become_rows_of_nan_and_are_listed(extract, patches, cache, tmp_path, caching):
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    bad = [spoil(patches[0]), str(text), "/nowhere/x.png", spoil(patches[0])]
    images = [bad[0], *patches[:3], bad[1], bad[2], *patches[3:6], bad[3]]
    result = extract(images, on_error="skip", cache=cache if caching else None)
    wrong = [0, 4, 5, 9]
    assert [(failure.index, failure.name) for failure in result.failures] == [(i, images[i]) for i in wrong]
    assert [bool(failure.reason) for failure in result.failures] == [True] * 4
    assert "known format" in result.failures[1].reason
    assert np.isnan(result.embeddings[0][wrong]).all()
    good = [i for i in range(10) if i not in wrong]
    assert_same(result.embeddings[0][good], extract(patches[:6], cache=None).embeddings[0])


@pytest.mark.parametrize("caching", [True, False])
def test_only_unreadable_images_give_only_a_list_of_failures(extract, patches, cache, caching):
    result = extract([spoil(patches[0])], on_error="skip", cache=cache if caching else None)
    assert [failure.index for failure in result.failures] == [0]
    assert len(result.embeddings[0]) == 1
    assert np.isnan(result.embeddings[0]).all()


@pytest.mark.parametrize("caching", [True, False])
def test_a_file_that_changes_meanwhile_is_filed_under_what_was_decoded(
    extract, patches, cache, tmp_path, monkeypatch, caching
):
    path, copy = tmp_path / "changing.png", tmp_path / "copy.png"
    old, new = (Path(patches[i]).read_bytes() for i in (0, 1))
    path.write_bytes(old)
    read = ImageSource.read

    def change_then_read(self):
        path.write_bytes(new)
        return read(self)

    monkeypatch.setattr(ImageSource, "read", change_then_read)
    expected = extract(patches[1:2], cache=None).embeddings[0]
    path.write_bytes(old)
    cache = cache if caching else None
    assert_same(extract([str(path), str(path)], cache=cache).embeddings[0], np.repeat(expected, 2, axis=0))
    monkeypatch.undo()
    copy.write_bytes(old)
    assert not np.allclose(extract([str(copy)], cache=cache).embeddings[0], expected)


def test_a_damaged_segment_is_recomputed_and_reported(extract, patches, cache, forwards):
    before = extract(patches[:9]).embeddings[0]
    (segment,) = (cache.root / extract.spec(LAST).digest).glob("*.h5")
    data = bytearray(segment.read_bytes())
    place = data.index(before[4].tobytes())
    data[place] ^= 255
    segment.write_bytes(data)
    forwards.since()
    again = extract(patches[:9], cache=EmbeddingCache(cache.root))
    assert forwards.since() == again.n_forwarded == 9
    assert_same(again.embeddings[0], before)
    assert len(again.damaged) == 1


def test_an_interrupt_keeps_what_is_finished(extract, patches, monkeypatch):
    embed, batches = Backbone.embed, iter(range(3))

    def interrupted(self, *args, **options):
        if next(batches, None) is None:
            raise KeyboardInterrupt
        return embed(self, *args, **options)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Backbone, "embed", interrupted)
        extract(patches, batch_size=5)
    assert extract(patches[:15]).n_forwarded == 0
    assert extract(patches).n_forwarded == 55


def test_without_a_cache_nothing_is_kept_or_written(extract, patches, forwards, own_cache):
    extract(patches[:5], cache=None)
    extract(patches[:5], cache=None)
    assert forwards.since() == 10
    assert not own_cache.exists()


def test_arrays_and_files_mix_in_one_call(extract, patches):
    images = [read_image(path) if i % 2 else path for i, path in enumerate(patches[:6])]
    assert_same(extract(images).embeddings[0], extract(patches[:6], cache=None).embeddings[0])


def test_processes_of_joblib_share_the_work(extract, patches, unbuildable):
    expected = extract(patches, cache=None).embeddings[0]
    with joblib.parallel_config("loky", n_jobs=2):
        result = extract([*patches, patches[0]], batch_size=8)
    assert result.n_forwarded == 70
    assert_same(result.embeddings[0], expected[[*range(70), 0]])
    unbuildable()
    assert extract(patches).n_forwarded == 0


def test_two_processes_started_cold_forward_each_image_once(tiny, patches, tmp_path):
    def work(number):
        source = resolve_backbone(**tiny)
        source.load("cpu")
        (tmp_path / f"ready{number}").touch()
        while not all((tmp_path / f"ready{n}").exists() for n in range(2)):
            time.sleep(0.01)
        cache = EmbeddingCache(tmp_path / "cache")
        return extract_embeddings(as_sources(patches), source, views=[LAST], cache=cache, batch_size=4).n_forwarded

    # With psutil, workers of loky that have grown end after a task, and these two tasks wait for each other.
    get_reusable_executor().shutdown()
    counts = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(work)(number) for number in range(2))
    assert sum(counts) == 70


# Each error in a process costs the start of two others.
@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.long)])
def test_an_unreadable_image_ends_the_work_of_all(backend, extract, patches):
    with joblib.parallel_config(backend, n_jobs=2), pytest.raises(ImageDecodeError, match=r"spoiled\.png"):
        extract([*patches[:20], spoil(patches[0]), *patches[20:40]], batch_size=4)


def test_processes_of_joblib_keep_the_list_of_failures(extract, patches):
    images = [*patches[:20], spoil(patches[0]), *patches[20:40]]
    with joblib.parallel_config("loky", n_jobs=2):
        result = extract(images, batch_size=4, on_error="skip")
    assert [failure.index for failure in result.failures] == [20]
    assert np.isnan(result.embeddings[0]).all(axis=1).nonzero()[0].tolist() == [20]


def test_other_specs_do_not_share_rows(extract, patches, tiny, forwards):
    extract(patches[:4])
    for change in ({"random_state": 1}, {"image_size": 48}, {"resize": "squash"}):
        extract(patches[:4], source=resolve_backbone(**tiny | change))
    extract(patches[:4], precision="bfloat16")
    assert forwards.since() == 20


@pytest.mark.parametrize(
    "options",
    [{"n_jobs": value} for value in (0, 1.5, "2", True)]
    + [{"batch_size": value} for value in (0, -10, 2.5, "many", True)]
    + [{"on_error": "nan"}, {"precision": "double"}, {"device": "tpu9"}],
    ids=str,
)
def test_bad_values_are_named(extract, patches, options):
    ((name, value),) = options.items()
    with pytest.raises(ParameterError, match=f"got {name}={value!r}; "):
        extract(patches[:1], **options)


@pytest.mark.parametrize("caching", [True, False])
def test_no_images_give_no_embeddings(extract, cache, caching, unbuildable):
    unbuildable()
    result = extract([], cache=cache if caching else None)
    assert result.embeddings[0].shape[0] == 0
    assert (result.n_images, result.n_forwarded, result.failures) == (0, 0, [])
