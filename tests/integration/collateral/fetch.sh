#!/usr/bin/env bash
# sealpod collateral as an operator uses it, against a server of this machine: fetch, fetch again, a busy server, a foreign certificate, a chip's
# certificate, damage and its repair, export and import. Usage: fetch.sh BIN-DIR
set -euo pipefail
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "FAIL: $*" >&2; cat "$work/out" >&2 2>/dev/null || true; exit 1; }
store=$work/store

# ---- a server with a certificate of a private CA, a certificate and a list of somebody's ----
cd "$work"
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -subj '/CN=Test CA' -days 30 -out ca.pem 2>/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out server.key
openssl req -new -key server.key -subj '/CN=localhost' -out server.csr 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >san
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 20 -extfile san -out server.crt 2>/dev/null
cat server.key server.crt >server.pem
openssl x509 -in server.crt -outform der -out leaf.der
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n' >ca.cnf
: >index.txt
echo 01 >number
openssl ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -crldays 20 -out list.pem 2>/dev/null
openssl crl -in list.pem -outform der -out list.der
python3 "$here/server.py" "$work" &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done
url=https://localhost:$(cat port)
requests() { wc -l <requests; }

run() { # WANTED-STATUS ARGS...
	local want=$1 got=0
	shift
	"$bin/sealpod" collateral "$@" >out 2>&1 || got=$?
	[ "$got" = "$want" ] || fail "sealpod collateral $*: exit status $got, not $want"
}
says() { grep -q -- "$1" out || fail "not said: $1"; }
fetch() { # WANTED-STATUS ARGS...
	local want=$1
	shift
	run "$want" fetch --store "$store" --kds-url "$url" --pccs-url "$url" --ca ca.pem --interval 1 "$@"
}

# ---- everything, and the same again: nobody is asked ----
fetch 0 --all-crls
says '17 fetched, 0 fresh, 0 failed'
before=$(requests)
[ "$before" = 17 ] || fail "$before requests instead of 17"
fetch 0 --all-crls
says '0 fetched, 17 fresh, 0 failed'
[ "$(requests)" = "$before" ] || fail 'fresh objects were fetched again'
for path in /vcek/v1/Turin/crl /vlek/v1/Genoa/cert_chain /tdx/certification/v4/qe/identity /sgx/certification/v4/rootcacrl \
	'/sgx/certification/v4/pckcrl?ca=processor&encoding=der'; do
	grep -qF " $path" requests || fail "not asked for: $path"
done
run 0 status --store "$store"
says 'TD_QE'
says 'Test CA'

# ---- a platform, a chip ----
fetch 0 --fmspc 00a06d080000
grep -qF '/tdx/certification/v4/tcb?fmspc=00a06d080000' requests || fail 'no TCB info asked for'
chip=$(printf '5a%.0s' $(seq 64))
fetch 0 --snp-product milan --chip-id "$chip" --tcb bootloader=3 --tcb snp=22 --tcb microcode=213
grep -qF "/vcek/v1/Milan/$chip?blSPL=03&teeSPL=00&snpSPL=22&ucodeSPL=213" requests || fail 'another chip was asked for'
fetch 0 --snp-product turin --chip-id 0011223344556677 --tcb fmc=1 --tcb tee=1
grep -qF '/vcek/v1/Turin/0011223344556677?fmcSPL=01&blSPL=00&teeSPL=01&snpSPL=00&ucodeSPL=00' requests || fail 'another Turin chip'
fetch 2 --snp-product milan --chip-id 0011
says '64'
fetch 2 --chip-id "$chip"
says 'snp-product'
fetch 2 --snp-product milan --chip-id "$chip" --tcb colour=3
says 'colour'
fetch 2 --snp-product rome
says 'Milan, Genoa, Turin'
fetch 2
says 'nothing to fetch'

# ---- not faster than asked for ----
started=$(date +%s%N)
run 0 fetch --store "$work/slow" --kds-url "$url" --ca ca.pem --interval 150 --snp-product milan
[ $((($(date +%s%N) - started) / 1000000)) -ge 450 ] || fail 'four requests took less than three times --interval'

# ---- a server that has had enough is left alone, by the next run too, and what is there stays ----
touch busy
before=$(requests)
fetch 1 --fmspc 112233445566
says 'failed'
after=$(requests)
fetch 1 --fmspc 112233445566
[ "$(requests)" = "$after" ] || fail 'a server was asked again although it wants an hour'
[ "$after" -le $((before + 2)) ] || fail "asked $((after - before)) times"
rm busy
run 0 status --store "$store"

# ---- a server without a known certificate gives nothing ----
run 1 fetch --store "$work/other" --kds-url "$url" --snp-product milan --interval 1
says '0 fetched, 0 fresh, 4 failed'

# ---- what is damaged is named, and repaired ----
object=$(grep -l 'TD_QE' "$store"/objects/* | head -1)
printf x >>"$object"
run 1 status --store "$store"
says 'damaged'
run 0 export --store "$work/slow" slow.json
run 0 import --store "$work/copy" slow.json
run 0 export --store "$work/copy" copy.json
cmp -s slow.json copy.json || fail 'an imported store exports other bytes'
printf '{"version":1,"items":[{"sha256":"00"}]}' >broken.json
run 3 import --store "$work/copy" broken.json
run 0 export --store "$work/copy" again.json
cmp -s copy.json again.json || fail 'a broken file changed the store'
echo ok
