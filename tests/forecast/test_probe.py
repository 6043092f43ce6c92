"""Promised: a probe measures a network on a few images, repeated, and keeps nothing."""

from forecasts import kept

from featx import (
    load_dataset,
)
from featx.forecast.probe import PROBE_IMAGES, ForwardOptions, peak_memory, probe_network
from featx.images.sources import as_sources


def test_a_probe_shows_images_again_and_keeps_nothing(folder, tiny, transformer, forwards, tmp_path, monkeypatch):
    monkeypatch.setattr("featx.forecast.probe.REPEAT_SECONDS", 60.0)
    images, source = as_sources(load_dataset(folder).images), transformer.source()
    views = [source.view(None, "avg"), source.view(None, "max")]
    probe = probe_network(images, source, views, forwarding=ForwardOptions())
    assert probe.seconds_per_image > 0
    assert probe.places == list(range(PROBE_IMAGES))
    assert [matrix.shape[0] for matrix in probe.embeddings] == [64, 64]
    assert probe.row_bytes == 4 * sum(matrix.shape[1] for matrix in probe.embeddings)
    assert forwards.since() == 8 + 8 + 64 + 8 * 64
    assert kept(tmp_path) == []
    # What comes from a server is not fetched again.
    urls = as_sources([f"file://{image.content}" for image in images])
    probe_network(urls, source, views[:1], forwarding=ForwardOptions())
    assert forwards.since() == 8 + 8 + 64


def test_a_probe_leaves_out_what_cannot_be_read(folder, transformer):
    (folder / "dark" / "03.png").write_bytes(b"no image")
    images = as_sources(load_dataset(folder).images)[:10]
    source = transformer.source()
    probe = probe_network(images, source, [source.view(None, "avg")], forwarding=ForwardOptions())
    assert probe.places == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [failure.index for failure in probe.failures] == [3]
    assert len(probe.embeddings[0]) == 9


def test_the_memory_of_the_process_is_told():
    assert peak_memory() == 0 or 10e6 < peak_memory() < 1e12
