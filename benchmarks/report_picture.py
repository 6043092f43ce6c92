"""Make the small picture of the HTML report that README and the documentation may show.

    pip install "featx[test]"      # and Chromium: apt-get install chromium
    python benchmarks/report_picture.py report.png

The report is that of `featx fit sample:digits --head logistic --head knn`; the picture shows its answer, the candidates
and the confusion matrix, at most 640 pixels wide.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import sync_playwright

from featx import CNNFeatureTransformer, fit_model, load_dataset, write_report

WIDTH, SHOWN = 1100, 1825


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--browser", default=shutil.which("chromium"), metavar="FILE", help="Chromium's program.")
def main(target: Path, browser: str | None) -> None:
    """Write a PNG of the beginning of a report."""
    if browser is None:
        raise click.ClickException("there is no chromium: install it, or say where it is with --browser")
    data = load_dataset("sample:digits")
    result = fit_model(data, CNNFeatureTransformer(), heads=["logistic", "knn"])
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file, shot = Path(folder, "report.html"), Path(folder, "shot.png")
        write_report(result, page_file, dataset=data, command="featx fit sample:digits --head logistic --head knn")
        # Chromium started by root has no sandbox.
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": SHOWN})
        page.goto(page_file.as_uri())
        page.screenshot(path=shot)
        chromium.close()
        with Image.open(shot) as picture:
            picture.thumbnail((640, 640 * SHOWN // WIDTH))
            picture.quantize(160).save(target, optimize=True)


if __name__ == "__main__":
    main()
