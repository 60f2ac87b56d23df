#!/usr/bin/env bash
# sealpod-oci from its command line, every command, over a stand-in for the shim that runs the processes on this host:
# container lives, exec, terminals, hooks, what kill -9 leaves. Usage: oci.sh FAKE-SHIM
set -euo pipefail
bin=${SEALPOD_BIN:?}
fake=${1:?usage: oci.sh FAKE-SHIM}
[ "$(id -u)" -eq 0 ] || { echo 'SKIPPED: needs root'; exit 77; }
command -v busybox >/dev/null || { echo 'SKIPPED: needs busybox-static'; exit 77; }
dir=$(mktemp -d /tmp/sealpod-oci-XXXXXX)
end() {
	for id in $("$dir/bin/sealpod-oci" --root "$dir/root" list -q 2>/dev/null); do
		"$dir/bin/sealpod-oci" --root "$dir/root" delete --force "$id" 2>/dev/null || true
	done
	rm -rf "$dir"
}
trap end EXIT
passed=0
ok() { passed=$((passed + 1)); echo "ok: $1"; }
die() { echo "FAILED: $*"; tail -5 "$dir/err" "$dir/bin/shim.log" 2>/dev/null | cut -c1-300; exit 1; }

mkdir -p "$dir/bin" "$dir/rootfs/bin" "$dir/rootfs/tmp" "$dir/rootfs/dev"
cp "$bin/sealpod-oci" "$dir/bin/"
cp "$fake" "$dir/bin/containerd-shim-sealpod-v2"
cp "$(command -v busybox)" "$dir/rootfs/bin/"
for a in sh cat echo sleep id env pwd kill stty ps true; do ln -s busybox "$dir/rootfs/bin/$a"; done
log=$dir/bin/shim.log
oci() { timeout 30 "$dir/bin/sealpod-oci" --root "$dir/root" "$@"; }
refused() { # TEXT ARGS...
	local text=$1 rc=0
	shift
	oci "$@" >"$dir/out" 2>"$dir/err" </dev/null || rc=$?
	[ "$rc" -ne 0 ] || die "'$*' was not refused"
	grep -q -- "$text" "$dir/err" || die "'$*': wanted '$text', got: $(cat "$dir/err")"
	ok "refused: $text"
}

# bundle NAME [JQ-LIKE PYTHON EDITS OF c] -- ARGV...
bundle() {
	local name=$1 edit=$2
	shift 2
	mkdir -p "$dir/$name"
	rm -f "$dir/$name/config.json"
	oci spec --bundle "$dir/$name"
	EDIT=$edit python3 - "$dir/$name/config.json" "$dir/rootfs" "$@" <<-'END'
		import json, os, sys
		path, rootfs, argv = sys.argv[1], sys.argv[2], sys.argv[3:]
		c = json.load(open(path))
		c["process"].update(terminal=False, args=argv)
		c["root"]["path"] = rootfs
		exec(os.environ["EDIT"])
		json.dump(c, open(path, "w"))
	END
}
status() { oci state "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["status"])'; }
pid_of() { oci state "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])'; }
await() { # STATUS ID
	for _ in $(seq 100); do
		[ "$(status "$2" 2>/dev/null)" = "$1" ] && return
		sleep 0.05
	done
	die "$2 is not $1 but $(status "$2")"
}
given="c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'network']"

# ---- create, start, state, kill, delete ----
bundle life "$given; c['annotations'] = {'a': 'b'}" sh -c 'echo out; echo err >&2; exec sleep 100'
oci create --bundle "$dir/life" --pid-file "$dir/pid" one >"$dir/life.out" 2>"$dir/life.err" </dev/null
[ "$(status one)" = created ] || die 'not created'
[ "$(cat "$dir/pid")" = "$(pid_of one)" ] || die 'pid file'
oci state one | grep -q '"annotations":{"a":"b"}' || die 'annotations'
refused 'exists already' create --bundle "$dir/life" one
oci start one
await running one
[ "$(stat -c %d:%i "/proc/$(pid_of one)/root/bin")" = "$(stat -c %d:%i "$dir/rootfs/bin")" ] || die 'root of the holder'
[ ! -e "/proc/$(pid_of one)/root$dir" ] || die "the holder shows the host's files"
ok "who enters the holder is in the container's root"
refused 'it is running, not created' start one
refused 'it is running; stop it first' delete one
for _ in $(seq 40); do [ -s "$dir/life.err" ] && break; sleep 0.05; done
[ "$(cat "$dir/life.out")" = out ] && [ "$(cat "$dir/life.err")" = err ] || die 'output'
ok 'output goes where create was told'
oci list | grep -qE "^one +[0-9]+ +running" || die list
[ "$(oci list -q)" = one ] || die 'list -q'
oci list -f json | python3 -c 'import json,sys; assert json.load(sys.stdin)[0]["status"] == "running"' || die 'list json'
ok 'list'
oci pause one && [ "$(status one)" = paused ] || die pause
refused 'cannot exec in paused' exec one true
oci resume one && [ "$(status one)" = running ] || die resume
refused 'not paused' resume one
oci update --memory 1048576 --cpuset-cpus 0-1 --pids-limit -1 one
grep -q 'update one {"cpu":{"cpus":"0-1"},"memory":{"limit":1048576},"pids":{"limit":-1}}' "$log" || die update
echo '{"memory":{"limit":5}}' | oci update -r - one
grep -q 'update one {"memory":{"limit":5}}' "$log" || die 'update -r'
ok 'pause, resume, update'
oci events --stats one | python3 -c 'import json,sys; e=json.loads(sys.stdin.readline()); assert e["data"]["pids"]["current"] == 3, e' || die events
oci ps -f json one | grep -q "^\[$(pid_of one)," || die ps
ok 'events, ps'
refused "no signal is called" kill one NOPE
oci kill one SIGTERM
await stopped one
refused 'is not running' kill one
oci kill --all one 9
oci delete one
refused "does not exist" state one
oci delete --force one
ok 'a whole life'
grep -q '^shutdown one' "$log" || die 'no shutdown'

# ---- run and exec ----
bundle run "$given" sh -c 'read x; echo "got $x"; exit 7'
rc=0
[ "$(echo word | oci run --bundle "$dir/run" two)" = 'got word' ] || die 'stdin'
echo word | oci run --bundle "$dir/run" two >/dev/null || rc=$?
[ $rc -eq 7 ] || die "exit status $rc"
head -c 3000000 /dev/zero >"$dir/big.data"
bundle big "$given" cat
[ "$(oci run --bundle "$dir/big" three <"$dir/big.data" | wc -c)" = 3000000 ] || die '3 MB through'
oci run --bundle "$dir/big" three <"$dir/big.data" >"$dir/copy"
cmp "$dir/big.data" "$dir/copy" || die 'a file as output'
ok 'run: streams, exit status, 3 MB'
rm "$dir/big.data"

bundle stay "$given; c['process']['env'] = ['A=1', 'PATH=/bin']" sleep 100
oci run -d --bundle "$dir/stay" four </dev/null >/dev/null 2>&1
[ "$(oci exec --env B=2 --cwd /tmp four sh -c 'echo $A$B; pwd' </dev/null | tr '\n' ' ')" = '12 /tmp ' ] || die 'exec env cwd'
rc=0
oci exec four sh -c 'exit 9' </dev/null || rc=$?
[ $rc -eq 9 ] || die "exec exit status $rc"
[ "$(echo hello | oci exec four cat)" = hello ] || die 'exec stdin'
rc=0
oci exec four sh -c 'kill -9 $$' </dev/null || rc=$?
[ $rc -eq 137 ] || die "exec killed $rc"
oci exec -d --pid-file "$dir/epid" four sleep 50 </dev/null >/dev/null 2>&1
kill -0 "$(cat "$dir/epid")" || die 'exec -d'
kill -TERM "$(cat "$dir/epid")"
echo '{"args":["sh","-c","echo $Z; exit 4"],"env":["Z=z","PATH=/bin"],"cwd":"/","user":{"uid":0,"gid":0}}' >"$dir/process"
rc=0
oci exec --process "$dir/process" four </dev/null >"$dir/out" || rc=$?
[ "$rc $(cat "$dir/out")" = '4 z' ] || die 'exec --process'
rc=0
oci exec nobody true </dev/null 2>/dev/null || rc=$?
[ $rc -eq 255 ] || die "exec failure is $rc, not 255"
ok 'exec: env, cwd, stdin, exit statuses, signals, detached, --process'
refused 'descriptors cannot be handed' exec --preserve-fds 3 four true
refused 'what to execute is missing' exec four
refused 'needs --console-socket' exec -d -t four true

# ---- terminals ----
python3 - "$dir/sock" "$dir/tty" <<-'END' &
	import array, os, socket, sys, fcntl, struct, termios, time
	s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
	c, _ = s.accept()
	_, anc, _, _ = c.recvmsg(64, socket.CMSG_LEN(4))
	fd = array.array("i", anc[0][2])[0]
	fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
	out = b""
	os.write(fd, b"x\n")
	time.sleep(0.5); fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 88, 0, 0)); time.sleep(0.5)
	os.write(fd, b"y\n")
	try:
	    while True:
	        d = os.read(fd, 1024)
	        if not d: break
	        out += d
	except OSError: pass
	open(sys.argv[2], "wb").write(out)
END
reader=$!
until [ -S "$dir/sock" ]; do sleep 0.05; done
oci exec -d -t --console-socket "$dir/sock" four sh -c 'read x; stty size; read y; stty size' </dev/null >/dev/null 2>&1
wait $reader
grep -q '33 77' "$dir/tty" && grep -q '44 88' "$dir/tty" || die "terminal: $(cat "$dir/tty")"
ok 'terminal: console socket, first size, changed size'
oci delete -f four

# ---- hooks ----
printf '#!/bin/sh\necho "$1 $(cat)" >>%s/hooks.log\n' "$dir" >"$dir/hook"
printf '#!/bin/sh\necho $$ >%s/slow.pid\nexec sleep 20\n' "$dir" >"$dir/slow"
chmod +x "$dir/hook" "$dir/slow"
bundle hooks "$given; c['hooks'] = {k: [{'path': '$dir/hook', 'args': ['hook', k]}] for k in
	('prestart', 'createRuntime', 'poststart', 'poststop', 'startContainer')}" true
oci run --bundle "$dir/hooks" five </dev/null 2>"$dir/err"
[ "$(cut -d' ' -f1 "$dir/hooks.log" | tr '\n' ' ')" = 'prestart createRuntime poststart poststop ' ] || die "hooks: $(cat "$dir/hooks.log")"
grep -q '^prestart .*"status":"creating","pid":[1-9]' "$dir/hooks.log" || die 'hook state'
grep -q 'hooks startContainer are not run' "$dir/err" || die 'hooks left out are not told'
ok 'hooks: order, state'
bundle hooks "$given; c['hooks'] = {'prestart': [{'path': '$dir/slow', 'timeout': 1}]}" true
refused 'not done within 1 s' create --bundle "$dir/hooks" five
bundle hooks "$given; c['hooks'] = {'createRuntime': [{'path': '/bin/false'}]}" true
refused 'exit status 1' create --bundle "$dir/hooks" five
[ -z "$(oci list -q)" ] || die 'a failed create left something'

# ---- engines' log ----
bundle wrong "$given; c['process']['args'] = []" true
oci --log-format json --log "$dir/log" create --bundle "$dir/wrong" six 2>/dev/null && die 'no arguments'
python3 -c 'import json,sys; e=json.loads(open(sys.argv[1]).readline()); assert e["level"] == "error" and "process.args" in e["msg"]' "$dir/log" || die 'json log'
ok 'failures as JSON in --log'
bundle wrong "$given" /missing
refused 'no such file or directory' create --bundle "$dir/wrong" six
refused 'only 0\|cannot be handed' create --preserve-fds 2 --bundle "$dir/run" six
refused 'checkpoints are not supported' checkpoint six
refused 'unknown option' create --nope six
refused 'letters, digits' create --bundle "$dir/run" ../six
rm "$dir/wrong/config.json"
refused 'no such file' create --bundle "$dir/wrong" six
printf '{"process":' >"$dir/wrong/config.json"
refused 'config.json' create --bundle "$dir/wrong" six
oci features | python3 -c 'import json,sys; assert json.load(sys.stdin)["ociVersionMin"] == "1.0.0"' || die features

# ---- a pod: one shim; the network that comes later ----
bundle pod "$given" sleep 100
oci run -d --bundle "$dir/pod" sandbox </dev/null >/dev/null 2>&1
bundle member "$given; c['annotations'] = {'io.kubernetes.cri-o.ContainerType': 'container', 'io.kubernetes.cri-o.SandboxID': 'sandbox'}" sleep 100
: >"$log"
oci run -d --bundle "$dir/member" member </dev/null >/dev/null 2>&1
grep -q '^start' "$log" && die 'a second shim'
oci delete -f sandbox
grep -q '^shutdown' "$log" && die 'the machine ended under a container'
oci delete -f member
grep -q '^shutdown sandbox' "$log" || die 'the machine did not end'
ok 'a pod is one machine until its last container'
refused "'sandbox' does not exist" create --bundle "$dir/member" member
: >"$log"
bundle later '' sleep 100
oci create --bundle "$dir/later" later </dev/null >/dev/null 2>&1
grep -q '^create' "$log" && die 'created before its network'
nsenter -t "$(pid_of later)" -n true
oci start later
grep -q "\"path\":\"/proc/$(pid_of later)/ns/net\"" "$log" || die 'network of the holder'
oci delete -f later
ok 'a new network namespace is the holder'"'"'s, and the machine comes with start'

# ---- kill -9 ----
oci run -d --bundle "$dir/pod" seven </dev/null >/dev/null 2>&1
kill -9 "$(pid_of seven)"
sleep 0.2
oci list 2>"$dir/err" >/dev/null
grep -q "holder of container 'seven' is gone: the container is ended" "$dir/err" || die "holder: $(cat "$dir/err")"
[ "$(status seven)" = stopped ] || die 'not stopped'
oci delete seven
ok 'a killed holder ends its container'
oci run -d --bundle "$dir/pod" eight </dev/null >/dev/null 2>&1
kill -9 "$(cat "$dir/root/eight/bundle/shim.pid")"
sleep 0.2
oci state eight 2>"$dir/err" | grep -q stopped || die 'state without shim'
grep -q "shim of container 'eight' is gone" "$dir/err" || die "shim: $(cat "$dir/err")"
grep -q '^clean eight' "$log" || die 'not cleaned'
oci delete eight 2>/dev/null
ok 'a killed shim is cleaned up after'
bundle hooks "$given; c['hooks'] = {'prestart': [{'path': '$dir/slow'}]}" true
"$dir/bin/sealpod-oci" --root "$dir/root" create --bundle "$dir/hooks" nine </dev/null >/dev/null 2>&1 &
creator=$!
until [ -s "$dir/root/nine/bundle/config.json" ]; do sleep 0.05; done
kill -9 $creator
wait $creator 2>/dev/null || true
oci list 2>"$dir/err" >/dev/null
grep -q "creation of container 'nine' was cut off" "$dir/err" || die "creator: $(cat "$dir/err")"
ok 'a killed create is removed'
kill -9 "$(cat "$dir/slow.pid")" 2>/dev/null || true
[ -z "$(ls "$dir/root")" ] || die "left: $(ls "$dir/root")"
left=$(pgrep -f "$dir/(root|bin)" || true)
[ -z "$left" ] || die "processes left: $(ps -o pid,args -p "$left")"
ok 'nothing is left'
echo "$passed checks passed"
