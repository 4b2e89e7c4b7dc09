"""The pictures of the page in the README: `make screenshots`, beside a running `make serve`.

python scripts/screenshots.py http://127.0.0.1:8000 docs/images
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

_COLOURS = 128  # of a picture: enough for type and two tints, and a quarter of the bytes


@dataclass(frozen=True)
class Shot:
    name: str
    text: str
    width: int  # CSS pixels
    language: str
    scheme: str
    pointed_at: int  # the word under the pointer, from 1


SHOTS = (
    Shot("page-light", "The plot is thin, but I loved every minute of it.", 820, "en", "light", 8),
    Shot(
        "page-phone", "It broke after a week, and nobody answers the phone.", 390, "en", "dark", 2
    ),
    Shot("page-korean", "기대 안 했는데 정말 재미있어요", 820, "ko", "light", 5),
)


def take(browser: Browser, address: str, shot: Shot) -> bytes:
    """The whole page with the answer to a text, as a PNG."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": 400},
        locale=shot.language,
        color_scheme="dark" if shot.scheme == "dark" else "light",
        device_scale_factor=1.5,
    )
    page = context.new_page()
    page.goto(address)
    page.locator("#text").fill(shot.text)
    page.locator("#mood").wait_for()
    page.locator(f"#reading [data-place='{shot.pointed_at}']").hover()
    picture = page.screenshot(full_page=True)
    context.close()
    return picture


def shrunk(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLOURS)


def main(address: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),  # None: the one of `playwright install`
            chromium_sandbox=os.geteuid() != 0,  # which root cannot have
        )
        for shot in SHOTS:
            path = folder / f"{shot.name}.png"
            shrunk(take(browser, address, shot)).save(path, optimize=True)
            print(f"{path}: {path.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Usage: python scripts/screenshots.py http://127.0.0.1:8000 docs/images")
    main(sys.argv[1], Path(sys.argv[2]))
