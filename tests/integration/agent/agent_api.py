"""The agent API spoken by hand: ttrpc frames and protobuf, from the numbers of Kata's agent.proto.

Nothing of the project's own code or .proto files is used, so that both cannot be wrong in the same way.
"""
import socket
import struct
import threading

OK, INVALID_ARGUMENT, DEADLINE, NOT_FOUND, DENIED, EXHAUSTED, PRECONDITION, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = \
	0, 3, 4, 5, 7, 8, 9, 12, 13, 14
REQUEST, RESPONSE = 1, 2
AGENT, HEALTH = "grpc.AgentService", "grpc.Health"


class Refused(Exception):
	"""An answer that is a failure."""

	def __init__(self, code, message):
		super().__init__(f"{code}: {message}")
		self.code, self.message = code, message


def varint(n):
	n &= (1 << 64) - 1
	out = bytearray()
	while n > 0x7f:
		out.append(n & 0x7f | 0x80)
		n >>= 7
	out.append(n)
	return bytes(out)


def msg(*fields):
	"""(number, value) ...: integers and truth values as varints, text, bytes and messages by length; a list is repeated."""
	out = b""
	for number, value in fields:
		for v in value if isinstance(value, (list, tuple)) else [value]:
			if isinstance(v, int):
				out += varint(number << 3) + varint(int(v))
			else:
				v = v.encode() if isinstance(v, str) else v
				out += varint(number << 3 | 2) + varint(len(v)) + v
	return out


def string_map(number, d):
	return [(number, msg((1, k), (2, v))) for k, v in d.items()]


def read_varint(data, at):
	n = shift = 0
	while True:
		n |= (data[at] & 0x7f) << shift
		at, shift = at + 1, shift + 7
		if data[at - 1] < 0x80:
			return n, at


def fields(data):
	"""Number -> list of values (integers, or bytes)."""
	out, at = {}, 0
	while at < len(data):
		key, at = read_varint(data, at)
		if key & 7 == 0:
			value, at = read_varint(data, at)
		elif key & 7 == 2:
			n, at = read_varint(data, at)
			value, at = data[at:at + n], at + n
		else:
			raise ValueError(f"wire type {key & 7}")
		out.setdefault(key >> 3, []).append(value)
	return out


def first(data, number, default=0):
	return fields(data).get(number, [default])[0]


class Call:
	def __init__(self):
		self.done, self.payload = threading.Event(), b""

	def wait(self, timeout=60):
		if not self.done.wait(timeout):
			raise TimeoutError("no answer")
		status = first(self.payload, 1, b"")
		if first(status, 1) != OK:
			raise Refused(first(status, 1), first(status, 2, b"").decode())
		return first(self.payload, 2, b"")


class Client:
	def __init__(self, address):
		self.socket = socket.socket(socket.AF_UNIX)
		self.socket.connect(address)
		self.stream, self.calls, self.lock = 1, {}, threading.Lock()
		threading.Thread(target=self.receive, daemon=True).start()

	def take(self, n):
		data = b""
		while len(data) < n:
			piece = self.socket.recv(n - len(data))
			if not piece:
				raise ConnectionError
			data += piece
		return data

	def receive(self):
		try:
			while True:
				n, stream, kind, _ = struct.unpack(">IIBB", self.take(10))
				assert kind == RESPONSE
				payload = self.take(n)
				with self.lock:
					call = self.calls.pop(stream)
				call.payload = payload
				call.done.set()
		except OSError:
			pass

	def start(self, method, payload=b"", service=AGENT, timeout=0):
		data = msg((1, service), (2, method), (3, payload), (4, timeout))
		call = Call()
		with self.lock:
			self.calls[self.stream] = call
			self.socket.sendall(struct.pack(">IIBB", len(data), self.stream, REQUEST, 0) + data)
			self.stream += 2
		return call

	def call(self, method, *request, service=AGENT):
		return self.start(method, msg(*request), service).wait()
