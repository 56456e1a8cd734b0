"""A Kubernetes API server with its etcd, and the controllers that bring its objects to life."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests
import yaml

from tests.testbed.certificates import Authority, signing_key
from tests.testbed.processes import Process, free_port, wait_until
from tests.testbed.programs import control_plane
from tests.testbed.runs import Run

SERVICES = "10.96.0.0/16"
_FIRST_SERVICE = "10.96.0.1"
_GATES = "--feature-gates=ImageVolume=true"
_KUBECTL_TIMEOUT = 180
_REQUEST_TIMEOUT = 10
_READY_TIMEOUT = 300


@dataclass(frozen=True)
class Place:
    """Where an API server runs.

    Attributes:
        address: where it listens, as its clients reach it.
        etcd_address: where its etcd listens; only the API server calls it.
        others: further addresses and names that clients may use.
        enter: the prefix of commands that run there.
    """

    address: str = "127.0.0.1"
    etcd_address: str = "127.0.0.1"
    others: tuple[str, ...] = ()
    enter: tuple[str, ...] = ()


class Etcd:
    """An etcd for one API server, or for several that keep to prefixes of their own.

    Args:
        run: the run that it belongs to.
        folder: an empty one for its data and log.
        place: where it runs.
    """

    def __init__(self, run: Run, folder: Path, *, place: Place | None = None) -> None:
        self._run, self._folder, self._place = run, folder, place or Place()

    def __enter__(self) -> Self:
        address = self._place.etcd_address
        self.url = f"http://{address}:{free_port(address)}"
        peer = f"http://{address}:{free_port(address)}"
        flags = ["--unsafe-no-fsync", f"--data-dir={self._folder / 'etcd'}", "--log-level=warn"]
        flags += [f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}"]
        flags += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        flags += [f"--initial-cluster=default={peer}"]
        health = f"http://{self._place.address}:{free_port()}"
        flags += [f"--listen-metrics-urls={health}"]
        command = [*control_plane("etcd"), *flags]
        self.process = Process(command, name="etcd", run=self._run, folder=self._folder, enter=self._place.enter)
        try:  # an API server that meets no etcd for 20 seconds ends
            wait_until(lambda: _is_ok(f"{health}/health"), what="etcd is ready", of=[self.process])
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # its data goes with the folder


class ApiServer:
    """An API server that is ready to use; with `controllers` its Deployments, Jobs and namespaces behave.

    Args:
        run: the run that it belongs to.
        name: of the cluster, in kubeconfigs and log folders.
        controllers: also run kube-controller-manager; then every namespace has a ServiceAccount, and pods need one.
        scheduler: also run kube-scheduler.
        etcd: one to share; without, it has its own.
        place: where it runs.
        folder: for its certificates and logs; without, a new one of the run.
    """

    def __init__(
        self,
        run: Run,
        name: str = "hub",
        *,
        controllers: bool = False,
        scheduler: bool = False,
        etcd: Etcd | None = None,
        place: Place | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.folder = folder or run.fresh_folder(name)
        self.place = place or Place()
        self.processes: dict[str, Process] = {}
        self._run, self._etcd = run, etcd
        self._controllers, self._scheduler = controllers, scheduler
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator, who may do everything."""
        return self.user("admin", ["system:masters"])

    @property
    def authority(self) -> Path:
        """The certificate that clients check the API server by."""
        return self.folder / "ca.crt"

    def user(self, name: str, groups: Iterable[str] = ()) -> Path:
        """A kubeconfig of a user, who may do what RBAC grants to the name and the groups, and nothing more."""
        path = self.folder / "users" / f"{'+'.join([name, *groups]).replace(':', '.').replace('/', '.')}.kubeconfig"
        if not path.is_file():
            pair = self._clients.client(name, groups)
            credentials = {"client-certificate-data": pair.certificate, "client-key-data": pair.key}
            content = self._kubeconfig(name, {key: base64.b64encode(pem).decode() for key, pem in credentials.items()})
            path.parent.mkdir(exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(yaml.safe_dump(content))
        return path

    def kubectl(self, *arguments: str | Path, input: str | None = None, timeout: float = _KUBECTL_TIMEOUT) -> str:
        """Run kubectl as the administrator, where the API server is; gives what it prints.

        So it works for an edge that is cut off, too: somebody stands there and looks.

        Args:
            *arguments: of kubectl.
            input: given on stdin, for instance with `apply -f -`.
            timeout: in seconds.

        Raises:
            RuntimeError: kubectl failed; with its words.
        """
        command = self._kubectl(arguments)
        done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))} on {self.name}: {done.stderr.strip()}")
        return done.stdout

    def wait(self, *arguments: str, of: Iterable[Process] = (), timeout: float = _READY_TIMEOUT) -> None:
        """Run `kubectl wait`, and fail at once when a process ends that it depends on.

        Args:
            *arguments: of kubectl wait; the thing may not exist yet.
            of: the processes; those of this API server are among them.
            timeout: in seconds.

        Raises:
            ProcessEnded: one of them ended.
            TimeoutError: it did not come true.
        """
        command = self._kubectl(["wait", *arguments, f"--timeout={timeout}s"])
        what = f"kubectl wait {' '.join(arguments)} on {self.name}"
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as waiting:
            try:
                ended = [*self.processes.values(), *of]
                wait_until(lambda: waiting.poll() is not None, what=what, of=ended, timeout=timeout + _KUBECTL_TIMEOUT)
            finally:
                waiting.kill()
            if waiting.returncode:
                assert waiting.stderr is not None
                raise TimeoutError(f"{what}: {waiting.stderr.read().strip()}")

    def wait_ready(self, *, of: Iterable[Process] = ()) -> None:
        """Wait until it answers, for instance after `server.processes["kube-apiserver"].restart()`."""
        needed = [self.processes["kube-apiserver"], *of]
        wait_until(self._ready, what=f"{self.name}'s API server is ready", of=needed, timeout=_READY_TIMEOUT)

    def _kubectl(self, arguments: Iterable[str | Path]) -> list[str]:
        flags = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'kubectl'}"]
        return [*self.place.enter, *control_plane("kubectl"), *flags, *map(str, arguments)]

    def _start(self, stack: ExitStack) -> None:
        self._clients, *clients = Authority.written(self.folder, "clients")
        front, *_ = Authority.written(self.folder, "front-proxy")
        front.client("front-proxy-client").write(self.folder, "front-proxy-client")
        servers, *_ = Authority.written(self.folder, "ca")
        names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", _FIRST_SERVICE]
        reached = [self.place.address, "127.0.0.1", *self.place.others]
        servers.server("kube-apiserver", [*names, *reached]).write(self.folder, "server")
        self._clients.client("kube-apiserver", ["system:masters"]).write(self.folder, "to-kubelet")
        signing_key().write(self.folder, "accounts")

        etcd = self._etcd or stack.enter_context(Etcd(self._run, self.folder, place=self.place))
        port = free_port(self.place.address if not self.place.enter else "127.0.0.1")
        self.url = f"https://{self.place.address}:{port}"
        self._run_program(stack, "kube-apiserver", self._flags(etcd.url, port))
        self.wait_ready(of=[etcd.process])
        if self._controllers:
            self._run_program(stack, "kube-controller-manager", self._controller_flags(*clients))
        if self._scheduler:
            user = self.user("system:kube-scheduler")
            self._run_program(stack, "kube-scheduler", [*_as(user), "--leader-elect=false", "--secure-port=0", _GATES])
        self._wait_for_namespace()

    def _run_program(self, stack: ExitStack, name: str, flags: Sequence[str]) -> None:
        command = [*control_plane(name), *flags]
        process = Process(command, name=name, run=self._run, folder=self.folder, enter=self.place.enter)
        stack.callback(process.kill)  # nothing that they hold outlives the folder
        self.processes[name] = process

    def _flags(self, etcd: str, port: int) -> list[str]:
        folder, address = self.folder, self.place.address
        reconciler = (
            "none" if address.startswith("127.") else "lease"
        )  # a Service has no endpoint on a loopback address
        without = [] if self._controllers else ["ServiceAccount"]  # nobody would make the accounts that pods need
        return [
            f"--etcd-servers={etcd}",
            f"--etcd-prefix=/{self.name}",
            f"--bind-address={address}",
            f"--advertise-address={address}",
            f"--secure-port={port}",
            f"--cert-dir={folder}",
            f"--tls-cert-file={folder / 'server.crt'}",
            f"--tls-private-key-file={folder / 'server.key'}",
            f"--client-ca-file={folder / 'clients.crt'}",
            f"--requestheader-client-ca-file={folder / 'front-proxy.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={folder / 'front-proxy-client.crt'}",
            f"--proxy-client-key-file={folder / 'front-proxy-client.key'}",
            f"--kubelet-client-certificate={folder / 'to-kubelet.crt'}",
            f"--kubelet-client-key={folder / 'to-kubelet.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'accounts.crt'}",
            f"--service-account-signing-key-file={folder / 'accounts.key'}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--endpoint-reconciler-type={reconciler}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--disable-admission-plugins={','.join(without)}",
            "--allow-privileged=true",
            "--profiling=false",
            _GATES,
        ]

    def _controller_flags(self, authority: Path, key: Path) -> list[str]:
        return [
            *_as(self.user("system:kube-controller-manager")),
            "--use-service-account-credentials=true",
            "--kube-api-qps=200",  # its own brake would hold back a new cluster for some seconds
            "--kube-api-burst=400",
            "--leader-elect=false",
            "--secure-port=0",
            f"--service-account-private-key-file={self.folder / 'accounts.key'}",
            f"--root-ca-file={self.authority}",
            f"--cluster-signing-cert-file={authority}",
            f"--cluster-signing-key-file={key}",
            _GATES,
        ]

    def _ready(self) -> bool:
        return _is_ok(f"{self.url}/readyz", authority=self.authority)

    def _wait_for_namespace(self) -> None:
        self.wait("--for=create", "namespace/default")
        if self._controllers:
            self.wait("--for=create", "serviceaccount/default")

    def _kubeconfig(self, user: str, credentials: dict[str, str]) -> dict[str, Any]:
        authority = base64.b64encode(self.authority.read_bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": authority}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.name, "cluster": cluster}],
            "users": [{"name": f"{user}@{self.name}", "user": credentials}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": f"{user}@{self.name}"}}],
            "current-context": self.name,
        }


def _is_ok(url: str, *, authority: Path | None = None) -> bool:
    try:
        return requests.get(url, verify=str(authority) if authority else True, timeout=_REQUEST_TIMEOUT).ok
    except requests.RequestException:
        return False


def _as(kubeconfig: Path) -> list[str]:
    return [f"--{use}={kubeconfig}" for use in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")]
