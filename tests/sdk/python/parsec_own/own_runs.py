"""Parsec's own tests as their authors run them: from the source distribution, in a process of their own.

The distribution is fetched when a test first needs it and lies under the build's target directory from then on, so
that nothing of it is ever part of this repository and a second run needs no network.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as xml
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import REPOSITORY

VERSION = "0.17.0"
# Tests that change under their version would prove something else than they did yesterday.
SHA256 = "801b594d3f71082362e396c379a5681e3698d21646f9a65356d2285e6b5fc100"

TARGET = REPOSITORY / os.environ.get("CARGO_TARGET_DIR", "target")

# One of the contract tests waits for a heartbeat, which comes every 15 s.
DONE_WITHIN = 50.0

HERE = Path(__file__).parent


# -- The source distribution --


def source() -> Path:
    """Where the distribution lies unpacked."""
    place = TARGET / "parsec-own" / f"parsec_api-{VERSION}"
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as beside:
            unpacked = _fetch(Path(beside)) / place.name
            try:
                unpacked.rename(place)
            except OSError:
                # Another run came first, with the same files: their hash says so.
                assert place.is_dir()
    return place


def _fetch(into: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", ":all:", "--dest", str(into), f"parsec-api=={VERSION}"]
    pip = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert pip.returncode == 0, f"the source distribution cannot be fetched:\n{pip.stdout}"
    archive = into / f"parsec_api-{VERSION}.tar.gz"
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert found == SHA256, f"{archive.name} is not the file these tests were written for: {found}"
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    return into


# -- A run --


@dataclass(frozen=True)
class Report:
    """What became of each test, by the name pytest gives it."""

    code: int
    passed: frozenset[str]
    failed: Mapping[str, str]
    skipped: frozenset[str]
    output: str

    @property
    def summary(self) -> str:
        """pytest's own last line."""
        return self.output.splitlines()[-1].strip("= ")


class Run:
    """Their pytest at work. It is waited for when its report is asked for, and others may run beside it."""

    def __init__(self, directory: Path, arguments: Iterable[str], environment: Mapping[str, str]) -> None:
        self._xml = directory / "report.xml"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junitxml", str(self._xml)]
        # Their defaults, but for the number of processes: two cores are busy with two servers already.
        command += ["-o", "addopts=", "--tb=short", "-rfE", *arguments]
        # Our own settings of pytest and their plugin's folder; a bytecode cache would change the folder they lie in.
        paths = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
        ours = {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PARSEC_"))}
        self._output = directory / "output"
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                command,
                cwd=source(),
                env=inherited | ours | dict(environment),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def report(self) -> Report:
        try:
            self._process.wait(timeout=DONE_WITHIN)
        except subprocess.TimeoutExpired:
            self.stop()
        output = self._output.read_text()
        assert self._xml.is_file(), f"no report in {DONE_WITHIN:g} s; pytest says:\n{output}"
        passed, failed, skipped = set(), {}, set()
        for case in xml.parse(self._xml).iter("testcase"):
            name = f"{case.get('classname')}::{case.get('name')}"
            bad = [case.find("failure"), case.find("error")]
            if any(one is not None for one in bad):
                failed[name] = next(one for one in bad if one is not None).get("message", "")
            elif case.find("skipped") is not None:
                skipped.add(name)
            else:
                passed.add(name)
        return Report(self._process.returncode, frozenset(passed), failed, frozenset(skipped), output)

    def stop(self) -> None:
        """Ends it, should nobody have waited for it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
