"""A real Grid Engine on this machine alone, from Debian's packages and without systemd."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PROGRAMS = Path("/usr/lib/gridengine")
SHARED = Path("/usr/share/gridengine")
INSTALLED = Path("/var/lib/gridengine")
PACKAGES = "gridengine-master gridengine-exec gridengine-client"
QUEUE, ENVIRONMENT, SLOTS, MEMORY = "all.q", "smp", 2, "12G"
PATIENCE = 30  # seconds for a daemon to answer, and for jobs to end


def missing() -> str | None:
    """Why there can be no Grid Engine here; None where there can."""
    if os.geteuid() != 0:
        return "Grid Engine starts jobs as root only"
    programs = [PROGRAMS / name for name in ("sge_qmaster", "sge_execd", "sge_shepherd", "qsub")]
    absent = [path.name for path in programs if not path.exists()]
    return f"no {', '.join(absent)}: apt-get install {PACKAGES}" if absent else None


@dataclass(frozen=True)
class Row:
    """A job as `qstat` shows it. `state`: qw, r, t, Eqw, dr..."""

    id: str
    name: str
    state: str


@dataclass
class GridEngine:
    """One queue of two slots, with root's jobs allowed; daemons live as long as `with` does."""

    folder: Path  # empty; all that Grid Engine writes lies in it
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)  # which its programs need

    def __enter__(self) -> "GridEngine":
        host = socket.gethostname()
        self.set_up(host)
        try:
            self.start("sge_qmaster", answered=lambda: self.works("qconf", "-sh"))
            self.program("qconf", "-as", host)
            self.start("sge_execd", answered=lambda: self.works("qconf", "-se", host))
            self.configure(host)
            self.wait(lambda: f"{QUEUE}@" in self.program("qstat", "-f"), "no queue")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def set_up(self, host: str) -> None:
        """Write a cell of its own: Debian's lies in /var, and there may be one at work."""
        root, spool = self.folder / "root", self.folder / "spool"
        common = root / "default" / "common"
        common.mkdir(parents=True)
        (spool / "qmaster").mkdir(parents=True)
        (spool / "execd").mkdir()
        for name in ("bin", "lib", "utilbin", "util"):
            (root / name).symlink_to(INSTALLED / name)
        self.environment = {
            "SGE_ROOT": str(root),
            "SGE_CELL": "default",
            "SGE_QMASTER_PORT": str(free_port()),
            "SGE_EXECD_PORT": str(free_port()),
            "SGE_ND": "1",  # daemons stay children of ours
        }
        spooling = {
            "spooling_method": "classic",
            "spooling_lib": "libspoolc",
            "spooling_params": f"{common};{spool / 'qmaster'}",
            "qmaster_spool_dir": str(spool / "qmaster"),
            "admin_user": "none",
            "ignore_fqdn": "true",
        }
        write_settings(SHARED / "default-bootstrap", common / "bootstrap", spooling)
        (common / "act_qmaster").write_text(f"{host}\n")
        # A name that stands for 127.0.0.1 is looked up as `localhost`, which Grid Engine refuses.
        (common / "host_aliases").write_text(f"{host} localhost\n")
        cluster = {
            "execd_spool_dir": str(spool / "execd"),
            "min_uid": "0",  # root may submit
            "min_gid": "0",
            "load_report_time": "00:00:02",
            "mailer": "/bin/true",
            "administrator_mail": "none",
        }
        write_settings(SHARED / "default-configuration", self.folder / "configuration", cluster)
        resources = SHARED / "util" / "resources"
        self.program("spoolinit", "classic", "libspoolc", spooling["spooling_params"], "init")
        self.program("spooldefaults", "configuration", self.folder / "configuration")
        self.program("spooldefaults", "complexes", resources / "centry")
        self.program("spooldefaults", "usersets", resources / "usersets")
        self.program("spooldefaults", "managers", "root")

    def start(self, daemon: str, answered: Callable[[], bool]) -> None:
        with (self.folder / f"{daemon}.log").open("wb") as log:
            self.daemons.append(
                subprocess.Popen(
                    [PROGRAMS / daemon],
                    env=os.environ | self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        self.wait(answered, f"{daemon} doesn't answer")

    def configure(self, host: str) -> None:
        """One queue, threads as slots, memory and a GPU as what there is so much of."""
        self.change("-sc", "-Mc", lambda text: text + "gpu gpu INT <= YES YES 0 0\n")
        self.change("-sc", "-Mc", lambda text: with_words(text, "mem_free", {5: "YES"}))
        amounts = f"mem_free={MEMORY},gpu=1"
        self.program("qconf", "-mattr", "exechost", "complex_values", amounts, host)
        # Jobs start within a second, not within fifteen; load is nobody's reason to wait.
        quick = {
            "schedule_interval": "0:0:1",
            "flush_submit_sec": "1",
            "flush_finish_sec": "1",
            "job_load_adjustments": "NONE",
        }
        self.change("-ssconf", "-Msconf", lambda text: with_settings(text, quick))
        self.program("qconf", "-Ap", SHARED / "util" / "resources" / "pe" / ENVIRONMENT)
        queue = {
            "qname": QUEUE,
            "hostlist": host,
            "slots": str(SLOTS),
            "pe_list": ENVIRONMENT,
            "load_thresholds": "NONE",
            "notify": "00:00:20",
        }
        self.change("-sq", "-Aq", lambda text: with_settings(text, queue))

    def change(self, show: str, take: str, edit: Callable[[str], str]) -> None:
        """Give Grid Engine an edited version of what it shows."""
        edited = self.folder / f"edited{take}"
        edited.write_text(edit(self.program("qconf", show)))
        self.program("qconf", take, edited)

    def program(self, name: str, *words: str | Path) -> str:
        """Run one of Grid Engine's programs; return what it printed."""
        done = subprocess.run(
            [PROGRAMS / name, *words],
            env=os.environ | self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{name} {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def works(self, name: str, *words: str) -> bool:
        try:
            self.program(name, *words)
        except AssertionError:
            return False
        return True

    def wait(self, done: Callable[[], bool], failure: str) -> None:
        until = time.monotonic() + PATIENCE
        while not done():
            if time.monotonic() > until:
                logs = [path.read_text() for path in self.folder.glob("sge_*.log")]
                raise AssertionError("\n".join([f"Grid Engine: {failure}", *logs]))
            time.sleep(0.2)

    def qstat(self) -> list[Row]:
        """All jobs that wait, run or are being deleted."""
        rows: list[Row] = []
        for line in self.program("qstat", "-u", "*", "-r").splitlines():
            words = line.split()
            if words and words[0].isdigit() and len(words) > 4:
                rows.append(Row(words[0], words[2], words[4]))
            elif line.strip().startswith("Full jobname:"):
                rows[-1] = Row(rows[-1].id, words[2], rows[-1].state)
        return rows

    def qdel(self, job: str, *options: str) -> None:
        self.program("qdel", *options, job)

    def end(self) -> None:
        """End every process that came of this, jobs first: they don't end with the daemons."""
        children = []
        for daemon in self.daemons:
            if daemon.poll() is None:
                children += psutil.Process(daemon.pid).children(recursive=True)
        for process in (*children, *map(psutil_of, reversed(self.daemons))):
            if process is not None and process.is_running():
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(children, timeout=PATIENCE)
        for daemon in self.daemons:
            daemon.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def psutil_of(daemon: subprocess.Popen[bytes]) -> psutil.Process | None:
    return psutil.Process(daemon.pid) if daemon.poll() is None else None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write_settings(template: Path, target: Path, settings: dict[str, str]) -> None:
    target.write_text(with_settings(template.read_text(), settings))


def with_settings(text: str, settings: dict[str, str]) -> str:
    """Lines of `name value` with other values."""
    lines = []
    for line in text.splitlines():
        name = line.split()[0] if line.split() else ""
        lines.append(f"{name} {settings[name]}" if name in settings else line)
    return "\n".join(lines) + "\n"


def with_words(text: str, name: str, changes: dict[int, str]) -> str:
    """A table with other words in the row that begins with `name`, by column."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == [name]:
            words = [changes.get(column, word) for column, word in enumerate(words)]
        lines.append(" ".join(words))
    return "\n".join(lines) + "\n"
