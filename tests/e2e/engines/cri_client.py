"""What kubelet says to a container engine, for tests: pods and containers through containerd's CRI plugin."""

import base64
import importlib
import os
import pathlib
import socket
import struct
import sys
import tempfile
import time
import urllib.parse

import engine

HERE = pathlib.Path(__file__).resolve().parent
RUNNING, EXITED = 1, 2


def generated(base):
    """The messages, made of cri.proto at run time."""
    from grpc_tools import protoc

    out = tempfile.mkdtemp(dir=base)
    if protoc.main(["protoc", f"-I{HERE}", f"--python_out={out}", f"--grpc_python_out={out}", str(HERE / "cri.proto")]) != 0:
        raise RuntimeError("cri.proto does not compile")
    sys.path.insert(0, out)
    return importlib.import_module("cri_pb2"), importlib.import_module("cri_pb2_grpc")


class Kubelet:
    def __init__(self, containerd, handler="sealpod"):
        import grpc

        self.pb, services = generated(containerd.base)
        self.c = containerd
        self.handler = handler
        self.channel = grpc.insecure_channel(f"unix://{containerd.socket}")
        self.stub = services.RuntimeServiceStub(self.channel)
        self.error = grpc.RpcError

    def pod_config(self, name, annotations=None, **linux):
        pb, logs = self.pb, self.c.base / "logs" / name
        logs.mkdir(parents=True, exist_ok=True)
        return pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(name=name, uid=f"uid-{name}", namespace="default"), hostname=name,
            log_directory=str(logs), dns_config=pb.DNSConfig(servers=["192.0.2.53"], searches=["example.test"]),
            labels={"app": name}, annotations=annotations or {}, linux=pb.LinuxPodSandboxConfig(**linux))

    def run_pod(self, name, annotations=None, handler=None, timeout=180, **linux):
        config = self.pod_config(name, annotations, **linux)
        pod = self.stub.RunPodSandbox(
            self.pb.RunPodSandboxRequest(config=config, runtime_handler=handler or self.handler), timeout=timeout)
        return Pod(self, pod.pod_sandbox_id, config)


class Pod:
    def __init__(self, kubelet, pod_id, config):
        self.k, self.id, self.config = kubelet, pod_id, config
        self.attempts = {}

    def status(self):
        return self.k.stub.PodSandboxStatus(self.k.pb.PodRequest(pod_sandbox_id=self.id)).status

    def create(self, name, argv, mounts=(), env=None, image=engine.IMAGE, timeout=120, devices=(), **security):
        pb = self.k.pb
        attempt = self.attempts[name] = self.attempts.get(name, -1) + 1
        config = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=name, attempt=attempt), image=pb.ImageSpec(image=image), command=argv,
            mounts=[pb.Mount(container_path=d, host_path=str(s), readonly=ro) for s, d, ro in mounts],
            devices=[pb.Device(container_path=d, host_path=str(s), permissions="rwm") for s, d in devices],
            envs=[pb.KeyValue(key=k, value=v) for k, v in (env or {}).items()], log_path=f"{name}-{attempt}.log",
            linux=pb.LinuxContainerConfig(security_context=pb.LinuxContainerSecurityContext(
                namespace_options=pb.NamespaceOption(pid=1), **security)))
        container = self.k.stub.CreateContainer(pb.CreateContainerRequest(
            pod_sandbox_id=self.id, config=config, sandbox_config=self.config), timeout=timeout)
        return Container(self, container.container_id, pathlib.Path(self.config.log_directory) / config.log_path)

    def run(self, name, argv, **more):
        container = self.create(name, argv, **more)
        container.start(more.get("timeout", 120))
        return container

    def stop(self):
        self.k.stub.StopPodSandbox(self.k.pb.PodRequest(pod_sandbox_id=self.id), timeout=120)

    def remove(self):
        self.stop()
        self.k.stub.RemovePodSandbox(self.k.pb.PodRequest(pod_sandbox_id=self.id), timeout=120)

    def forward(self, port, request):
        """Through the engine's streaming server, as `kubectl port-forward` does: its WebSocket form."""
        url = self.k.stub.PortForward(self.k.pb.PortForwardRequest(pod_sandbox_id=self.id, port=[port])).url
        return web_socket_forward(url, port, request)


class Container:
    def __init__(self, pod, container_id, log):
        self.pod, self.id, self.log = pod, container_id, log
        self.stub, self.pb = pod.k.stub, pod.k.pb

    def start(self, timeout=120):
        self.stub.StartContainer(self.pb.ContainerRequest(container_id=self.id), timeout=timeout)

    def status(self):
        return self.stub.ContainerStatus(self.pb.ContainerRequest(container_id=self.id)).status

    def exec(self, *argv, timeout=30):
        return self.stub.ExecSync(self.pb.ExecSyncRequest(container_id=self.id, cmd=argv, timeout=timeout), timeout=timeout + 30)

    def wait(self, seconds=60):
        end = time.monotonic() + seconds
        while self.status().state != EXITED and time.monotonic() < end:
            time.sleep(0.2)
        return self.status()

    def stop(self, timeout=5):
        self.stub.StopContainer(self.pb.StopContainerRequest(container_id=self.id, timeout=timeout), timeout=timeout + 30)

    def remove(self):
        self.stub.RemoveContainer(self.pb.ContainerRequest(container_id=self.id), timeout=60)

    def stats(self):
        return self.stub.ContainerStats(self.pb.ContainerRequest(container_id=self.id), timeout=30).stats

    def logs(self):
        """CRI's log form: time, stream, F or P, text."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return "\n".join(line.split(" ", 3)[3] for line in lines)


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def web_socket_message(s):
    head = read_exactly(s, 2)
    n = head[1] & 0x7F
    if n >= 126:
        n = int.from_bytes(read_exactly(s, 2 if n == 126 else 8), "big")
    return head[0] & 0x0F, read_exactly(s, n)


def web_socket_send(s, data):
    mask = os.urandom(4)
    head = struct.pack("!BB", 0x82, 0x80 | len(data)) if len(data) < 126 else struct.pack("!BBH", 0x82, 0x80 | 126, len(data))
    s.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))


def web_socket_forward(url, port, request):
    """Sends the request to the port of the pod; returns all of its answer."""
    at = urllib.parse.urlparse(url)
    with socket.create_connection((at.hostname, at.port), timeout=30) as s:
        key = base64.b64encode(os.urandom(16)).decode()
        s.sendall((f"GET {at.path}?port={port} HTTP/1.1\r\nHost: {at.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                   "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += read_exactly(s, 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(head.decode(errors="replace"))
        answers = {0: b"", 1: b""}
        web_socket_send(s, b"\x00" + request)
        try:
            while True:
                kind, data = web_socket_message(s)
                if kind == 8:
                    break
                if data:
                    answers[data[0]] = answers.get(data[0], b"") + data[1:]
        except (EOFError, TimeoutError, socket.timeout):
            pass
        if answers[1][2:]:
            raise RuntimeError(answers[1][2:].decode(errors="replace"))
        return answers[0][2:]
