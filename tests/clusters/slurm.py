"""A real SLURM on this machine, for tests: munged, slurmctld and slurmd, on loopback.

As root and without systemd; Debian's packages `slurm-wlm` and `munge` have the programs. Jobs find
their SLURM at /etc/slurm/slurm.conf only: inside of a job the executor plugin takes SLURM_CONF out
of the environment. So one SLURM runs at a time, and a configuration that isn't ours is left alone.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "setpriv")
CONFIGURATION = Path("/etc/slurm")
LOCK = Path("/run/lock/rejeu-slurm.lock")
WRITTEN_HERE = "# Written by tests/clusters/slurm.py, and removed when its tests end.\n"
KILL_WAIT = 10  # seconds from SIGTERM to SIGKILL
NODE_TIMEOUT = 20  # seconds without an answer after which a node counts as lost
NORMAL, PREEMPTIBLE = "normal", "preemptible"  # partitions
PATIENCE = 60  # seconds for a daemon to answer, or for a state to come

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
# A munged of its own. A requeued job waits until its credential has expired: 5 s at least.
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
# No control groups, no accounting database: a machine for tests has neither.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
# What happens shall happen soon.
KillWait={kill_wait}
OverTimeLimit=0
SlurmdTimeout={node_timeout}
# Jobs stay in squeue for an hour after their end, for tests to read.
MinJobAge=3600
ReturnToService=2
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName={normal} Nodes={host} Default=YES MaxTime=1440 PriorityTier=10 PreemptMode=OFF
PartitionName={preemptible} Nodes={host} MaxTime=1440 PriorityTier=1 PreemptMode=REQUEUE
"""


@dataclass(frozen=True)
class Job:
    """A row of squeue."""

    id: str
    state: str
    partition: str
    start: str  # such as 2026-01-31T12:00:00, or N/A
    end: str
    gpus: str  # such as gres/gpu:1, or N/A
    folder: str
    comment: str


@dataclass
class Slurm:
    """A SLURM of one node that runs for as long as `running` does."""

    folder: Path
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, daemon: str) -> None:
        """Start a daemon that ends with this process, however it ends."""
        log = self.folder / f"{daemon}.log"
        options = {
            "munged": [
                "--foreground",
                "--force",  # its folder is under one that all may write to
                f"--key-file={self.folder}/munge.key",
                f"--socket={self.folder}/munge.socket",
                f"--pid-file={self.folder}/munged.pid",
                f"--seed-file={self.folder}/munge.seed",
                f"--log-file={self.folder}/munged.messages",
            ],
            "slurmctld": ["-D"],
            "slurmd": ["-D"],
        }
        command = ["setpriv", "--pdeathsig", "KILL", daemon, *options[daemon]]
        with log.open("ab") as stream:
            self.started[daemon] = subprocess.Popen(
                command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, cwd=self.folder
            )

    def stop(self, daemon: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End a daemon, and wait until it has ended."""
        process = self.started.pop(daemon, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(PATIENCE / 4)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, daemon: str, how: signal.Signals = signal.SIGTERM, after: float = 0) -> None:
        """End a daemon and start it again, so many seconds later."""
        self.stop(daemon, how)
        time.sleep(after)
        self.start(daemon)
        self.wait_until_it_answers()

    def call(self, *command: str, check: bool = True) -> str:
        """What one of SLURM's programs prints; while the controller is away it is asked again."""
        until = time.monotonic() + PATIENCE
        while True:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0 or not check:
                return done.stdout
            if time.monotonic() > until or "Unable to contact" not in done.stderr:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}\n{self.messages()}")
            time.sleep(0.5)

    def jobs(self, *states: str) -> list[Job]:
        """The jobs in some states, or else all of the last minutes."""
        rows = self.call(
            "squeue",
            "--noheader",
            "--array",
            f"--states={','.join(states) or 'all'}",
            "--Format=JobArrayID:|,State:|,Partition:|,StartTime:|,EndTime:|,tres-per-job:|,WorkDir:|,Comment:",
        )
        return [
            Job(*(cell.strip() for cell in row.split("|", 7))) for row in rows.splitlines() if row
        ]

    def submit(self, script: str, *options: str) -> str:
        """Submit a shell script; return the job's number."""
        answer = self.call(
            "sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}"
        )
        return answer.strip()

    def cancel(self, *ids: str) -> None:
        self.call("scancel", *ids, check=False)

    def requeue(self, job: str) -> None:
        """Requeue a running job. One that has ended meanwhile stays as it is."""
        self.call("scontrol", "requeue", job, check=False)

    def drain(self) -> None:
        """Start no more jobs on the node; those that run go on."""
        self.call("scontrol", "update", f"NodeName={host()}", "State=DRAIN", "Reason=test")

    def resume(self) -> None:
        """Let the node take jobs again."""
        self.call("scontrol", "update", f"NodeName={host()}", "State=RESUME", check=False)

    def node_state(self) -> str:
        return self.call("sinfo", "--noheader", "--format=%T", "--partition", NORMAL).strip()

    def wait_until_it_answers(self) -> None:
        def answers() -> bool:
            return self.node_state() in ("idle", "mixed", "allocated", "draining", "drained")

        wait_for(answers, "the node isn't ready", self.messages)

    def wait_until_idle(self, seconds: float = PATIENCE) -> None:
        """Wait until no job runs or waits."""
        states = ("PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING")
        wait_for(lambda: not self.jobs(*states), "jobs don't end", self.messages, seconds)

    def messages(self) -> str:
        """The end of each daemon's log."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in logs)


def wait_for(
    condition: Callable[[], bool],
    otherwise: str,
    more: Callable[[], str] = str,
    seconds: float = PATIENCE,
) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{otherwise} after {seconds:g} s\n{more()}")
        time.sleep(0.2)


def host() -> str:
    return socket.gethostname().split(".")[0]


def missing() -> str | None:
    """Why SLURM can't run here, in one line; None where it can."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "SLURM needs root here: its daemons run as root"
    if lacking:
        return (
            f"not installed: {', '.join(lacking)} (Debian: apt-get install "
            "--no-install-recommends slurm-wlm munge)"
        )
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return "Snakemake's plugin for SLURM isn't installed: `make clusters`"
    for name in ("slurm.conf", "gres.conf"):
        file = CONFIGURATION / name
        if file.exists() and not file.read_text(errors="replace").startswith(WRITTEN_HERE):
            return f"{file} is another SLURM's: it is left alone"
    return None


@contextmanager
def running() -> Iterator[Slurm]:
    """Run SLURM; in the end cancel its jobs, end its processes and remove its configuration.

    Another session that runs one is waited for.

    Raises:
        RuntimeError: where `missing` has something to say.
    """
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if reason := missing():
            raise RuntimeError(reason)
        end_steps()  # of a session that was killed
        # Not where tests keep their files: the name of a socket has 107 bytes at most.
        folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/var/tmp"))
        slurm = Slurm(folder)
        try:
            configure(folder)
            for daemon in ("munged", "slurmctld", "slurmd"):
                slurm.start(daemon)
                if daemon == "munged":
                    wait_for((folder / "munge.socket").exists, "no munged", slurm.messages)
            slurm.wait_until_it_answers()
            yield slurm
        finally:
            end(slurm)


def configure(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    controller_port, node_port = free_ports(2)
    text = SLURM_CONF.format(
        host=host(),
        folder=folder,
        controller_port=controller_port,
        node_port=node_port,
        kill_wait=KILL_WAIT,
        node_timeout=NODE_TIMEOUT,
        cpus=max(2, os.cpu_count() or 1),
        memory=max(8000, psutil.virtual_memory().total // 2**20),
        normal=NORMAL,
        preemptible=PREEMPTIBLE,
    )
    CONFIGURATION.mkdir(exist_ok=True)
    (CONFIGURATION / "slurm.conf").write_text(WRITTEN_HERE + text)
    # A file that is there is all that SLURM wants of a GPU.
    gpu = f"NodeName={host()} Name=gpu Count=1 File=/dev/null\n"
    (CONFIGURATION / "gres.conf").write_text(WRITTEN_HERE + gpu)


def end(slurm: Slurm) -> None:
    try:
        if "slurmctld" in slurm.started:
            slurm.cancel("--user=root")
            slurm.wait_until_idle(3 * KILL_WAIT)
    except (RuntimeError, TimeoutError) as error:
        print(f"SLURM: {error}")
    finally:
        for daemon in ("slurmd", "slurmctld", "munged"):
            slurm.stop(daemon)
        end_steps()
        for name in ("slurm.conf", "gres.conf"):
            (CONFIGURATION / name).unlink(missing_ok=True)
        shutil.rmtree(slurm.folder, ignore_errors=True)


def end_steps() -> None:
    """End what is left of jobs: ours, since no other SLURM runs while the lock is held."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "slurmstepd":
            for one in (*process.children(recursive=True), process):
                one.kill()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
