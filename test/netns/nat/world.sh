# Two nodes behind two Linux routers, and one outside; sourced after lib.sh.
#
#   A 192.168.1.10 ── NA ── 11.0.113.2 ──┐
#   C 192.168.3.10 ──┘                    I ── 192.0.2.2 R
#   B 192.168.2.10 ── NB ── 198.51.100.2 ─┘

# world: lay it.
world() {
	ns A C NA I NB B R
	wire A a0 192.168.1.10/24 NA lan 192.168.1.1/24
	wire C c0 192.168.3.10/24 NA lan3 192.168.3.1/24
	wire NA wan 11.0.113.2/24 I i1 11.0.113.1/24
	wire B b0 192.168.2.10/24 NB lan 192.168.2.1/24
	wire NB wan 198.51.100.2/24 I i2 198.51.100.1/24
	wire R r0 192.0.2.2/24 I i3 192.0.2.1/24
	for n in NA NB I; do in_ns $n sysctl -qw net.ipv4.ip_forward=1; done
	ip -n "$P-A" route add default via 192.168.1.1
	ip -n "$P-C" route add default via 192.168.3.1
	ip -n "$P-B" route add default via 192.168.2.1
	ip -n "$P-NA" route add default via 11.0.113.1
	ip -n "$P-NB" route add default via 198.51.100.1
	ip -n "$P-R" route add default via 192.0.2.1
}

# nat ROUTER RULE: have the router translate. RULE: plain, random, fully-random, plain-drop (the router itself drops UDP), eim (endpoint-independent
# in mapping and filtering), adf (the same, filtering by address), jhash (address-dependent mapping), ports (a range of ports).
nat() {
	local post="oifname wan masquerade" extra=""
	in_ns "$1" nft flush ruleset
	case $2 in
	plain) ;;
	plain-drop) extra=$'chain in {\ntype filter hook input priority 0\niifname wan meta l4proto udp drop\n}' ;;
	random | fully-random) post="oifname wan masquerade $2" ;;
	ports) post="oifname wan meta l4proto udp masquerade to :20000-20999" ;;
	jhash) post="oifname wan meta l4proto udp snat to $(wan "$1") : jhash ip daddr . udp sport mod 40000 offset 20000" ;;
	eim | adf) endpoints "$1" "$2"; return ;;
	*) die "no rule is called $2" ;;
	esac
	in_ns "$1" nft -f - <<-RULES
		table ip nat {
			chain post {
				type nat hook postrouting priority 100
				$post
			}
			$extra
		}
	RULES
}

# wan ROUTER: its outer address.
wan() { ip -n "$P-$1" -4 -o addr show dev wan | sed 's/.*inet \([0-9.]*\).*/\1/'; }

# endpoints ROUTER eim|adf: a mapping kept in a set, whoever is spoken to.
endpoints() {
	local guard="" spoken=""
	if [ "$2" = adf ]; then
		spoken="oifname wan meta l4proto udp add @spoken { ip daddr . udp sport timeout 2m }"
		guard=$'chain guard {\ntype filter hook prerouting priority -150\niifname wan meta l4proto udp ip saddr . udp dport != @spoken drop\n}'
	fi
	in_ns "$1" nft -f - <<-RULES
		table ip nat {
			map eim { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 4096; }
			set spoken { type ipv4_addr . inet_service; flags dynamic,timeout; size 4096; }
			$guard
			chain note {
				type filter hook postrouting priority 90
				$spoken
			}
			chain post {
				type nat hook postrouting priority 100
				oifname wan meta l4proto udp update @eim { udp sport timeout 2m : ip saddr . udp sport }
				oifname wan masquerade
			}
			chain pre {
				type nat hook prerouting priority -100
				iifname wan meta l4proto udp dnat to udp dport map @eim
			}
		}
	RULES
}

# six ROUTER: besides, IPv6 addresses on its two sides and for who is behind it, and a firewall that lets in only what was asked for.
six() {
	local n=$1 home wan number
	case $n in
	NA) home=A wan=i1 number=1 ;;
	NB) home=B wan=i2 number=2 ;;
	esac
	for at in "$home ${home,,}0" "$n lan" "$n wan" "I $wan"; do
		in_ns ${at% *} sysctl -qw "net.ipv6.conf.${at#* }.disable_ipv6=0" "net.ipv6.conf.${at#* }.accept_dad=0"
	done
	in_ns "$n" sysctl -qw net.ipv6.conf.all.forwarding=1
	in_ns I sysctl -qw net.ipv6.conf.all.forwarding=1
	ip -n "$P-$home" addr add "2a00:$number::10/64" dev "${home,,}0" nodad
	ip -n "$P-$n" addr add "2a00:$number::1/64" dev lan nodad
	ip -n "$P-$n" addr add "2a00:f:$number::2/64" dev wan nodad
	ip -n "$P-I" addr add "2a00:f:$number::1/64" dev "$wan" nodad
	ip -n "$P-$home" -6 route add default via "2a00:$number::1"
	ip -n "$P-$n" -6 route add default via "2a00:f:$number::1"
	ip -n "$P-I" -6 route add "2a00:$number::/64" via "2a00:f:$number::2"
	in_ns "$n" nft -f - <<-RULES
		table ip6 wall {
			chain forward {
				type filter hook forward priority 0
				iifname wan ct state established,related accept
				iifname wan drop
			}
		}
	RULES
}

# no_six: IPv4 alone again.
no_six() {
	for at in "A a0" "B b0"; do in_ns ${at% *} sysctl -qw "net.ipv6.conf.${at#* }.disable_ipv6=1"; done
}

# ends: stop the nodes behind the routers.
ends() {
	for n in "$@"; do
		cc "$n" down >/dev/null 2>&1 || true
		eval "wait \$PID_$n" 2>/dev/null || true
	done
	for n in NA NB; do in_ns $n conntrack -F >/dev/null 2>&1 || true; done
}

# meets NAME PEER SID: NAME lists it, and it answers: what is listed may be what was there a moment ago, under the same SID.
meets() {
	lists "$1" "$3" 60
	for _ in $(seq 30); do
		cc "$1" ping "$2" -c 3 -i 200ms --json 2>/dev/null | python3 -c 'import json, sys
sys.exit(sum(json.loads(line).get("event") == "reply" for line in sys.stdin) < 3)' && return
		sleep 0.2
	done
	die "$2 is listed by $1 and does not answer"
}

# state A SID: how A reaches it.
state() { cc "$1" peers --json 2>/dev/null | python3 -c 'import json,sys
print(next((p["state"] for p in json.load(sys.stdin)["peers"] if p["sid"] == sys.argv[1]), "unknown"))' "$2"; }

# is NODE SID STATE SECONDS: wait until it is so.
is() {
	for _ in $(seq $(($4 * 10))); do
		[ "$(state "$1" "$2")" = "$3" ] && return 0
		sleep 0.1
	done
	return 1
}

# reached NODE SID: wait until it answers, whichever way. That it has a route is not enough: it may be one to an earlier life.
reached() {
	for _ in $(seq 40); do
		cc "$1" ping "$2" -c 1 --timeout 2s >/dev/null 2>&1 && return 0
		sleep 0.2
	done
	return 1
}

# knows NODE CLASS: wait until it knows its NAT.
knows() {
	for _ in $(seq 600); do
		cc "$1" status --json 2>/dev/null | has "\"nat\":\"$2\"" && return 0
		sleep 0.1
	done
	return 1
}

# known NODE: wait until it knows whether its NAT changes ports.
known() {
	for _ in $(seq 1000); do
		cc "$1" status --json 2>/dev/null | grep -qE '"nat":"(easy|hard)"' && return 0
		sleep 0.05
	done
	return 1
}

# igd ROUTER: the same as random ports, with miniupnpd, which opens ports for who asks from inside.
igd() {
	in_ns "$1" nft flush ruleset
	in_ns "$1" nft -f - <<-RULES
		table inet filter {
			chain miniupnpd { }
			chain prerouting_miniupnpd { }
			chain postrouting_miniupnpd { }
			chain forward {
				type filter hook forward priority 0
				jump miniupnpd
			}
			chain prerouting {
				type nat hook prerouting priority -100
				jump prerouting_miniupnpd
			}
			chain postrouting {
				type nat hook postrouting priority 100
				jump postrouting_miniupnpd
				oifname wan masquerade random
			}
		}
	RULES
	cat >"$WORK/igd.conf" <<-CONF
		ext_ifname=wan
		listening_ip=lan
		port=5000
		enable_natpmp=${2:-yes}
		enable_upnp=${3:-yes}
		upnp_table_name=filter
		upnp_nat_table_name=filter
		secure_mode=yes
		system_uptime=yes
		uuid=00000000-0000-0000-0000-000000000001
		lease_file=$WORK/igd.leases
		allow 1024-65535 0.0.0.0/0 1024-65535
	CONF
	daemon "$1" miniupnpd -d -f "$WORK/igd.conf" -P "$WORK/igd.pid" >"$WORK/igd.log" 2>&1 &
	IGD=$!
}

# opened NODE: wait until the router has opened a port for it.
opened() {
	for _ in $(seq 600); do
		cc "$1" status --json 2>/dev/null | grep -o '"nat_words":"[^"]*the router has opened[^"]*"' && return 0
		sleep 0.1
	done
	return 1
}
