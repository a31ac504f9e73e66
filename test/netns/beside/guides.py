"""Types the terminal sessions of one guide: guides.py GUIDE.md NAMESPACES FOLDER.

A line "    laptop$  command" is run as it stands, by a shell on that machine, and must end well. The tables below say what stands
around it: which files there are, which commands stay, what a person answers, and which words of a guide are examples of what
only the program can tell (an id, a code).
"""
import os, pathlib, re, signal, subprocess, sys, time

guide, spaces, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
name = pathlib.Path(guide).stem
bins = folder.parent / "bin"
repository = os.getcwd()
began = time.time()
kept = {}  # what stays, by its command
words = {}  # what stands for the examples


def die(text):
    print("not ok:", text)
    sys.exit(1)


def ok(text):
    print(f"ok {time.time() - began:5.1f} s  {text}")


def start(host, command, stdin=subprocess.DEVNULL):
    """Runs a command on a machine; its output goes to a file."""
    home = folder / host
    work = home / "here"
    work.mkdir(parents=True, exist_ok=True)
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost\n10.89.1.1 mesh.example.org\n")
    inner = f'echo {host} >/proc/sys/kernel/hostname; mount --bind {hosts} /etc/hosts; cd "$HERE" && exec bash -c "$COMMAND"'
    env = {"HOME": str(home), "HERE": repository if name == "simulate" else str(work), "COMMAND": command, "PATH": f"{bins}:{os.environ['PATH']}", "EDITOR": "true", "USER": "pi", "TERM": "xterm"}
    out = open(folder / f"out-{len(os.listdir(folder))}", "w+")
    args = ["ip", "netns", "exec", f"{spaces}-{'kitchen' if host == 'pi' else host}", "unshare", "-um", "--propagation", "private", "sh", "-c", inner]
    p = subprocess.Popen(args, env=env, stdin=stdin, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    p.out = out.name
    return p


def said(p):
    return pathlib.Path(p.out).read_text(errors="replace")


def until(what, yes, seconds=120):
    end = time.time() + seconds
    while time.time() < end:
        got = yes()
        if got:
            return got
        time.sleep(0.05)
    die(what)


def run(host, command, code=0, seconds=120):
    p = start(host, command)
    try:
        got = p.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        die(f"{host}$ {command}: not done after {seconds} s\n{said(p)}")
    if got != code:
        die(f"{host}$ {command}: exit code {got}, not {code}\n{said(p)}")
    return said(p)


def stay(host, command, ready, terminal=False):
    """Starts what stays, and waits until it says that it is ready."""
    master = None
    stdin = subprocess.DEVNULL
    if terminal:
        master, stdin = os.openpty()
    p = start(host, command, stdin)
    p.master = master
    kept[command] = p
    until(f"{host}$ {command}: does not say {ready}", lambda: re.search(ready, said(p)) or p.poll() is not None)
    if p.poll() not in (None, 0):
        die(f"{host}$ {command}: exit code {p.poll()}\n{said(p)}")
    return said(p)


def end(p, what, code=0, seconds=120):
    try:
        got = p.wait(seconds)
    except subprocess.TimeoutExpired:
        die(f"{what}: not done after {seconds} s\n{said(p)}")
    if got != code:
        die(f"{what}: exit code {got}, not {code}\n{said(p)}")


def knows(host, other):
    until(f"{host} does not find {other}", lambda: other in run(host, "caracal peers"))


def up(*hosts):
    for p in [start(h, "caracal up -q") for h in hosts]:
        end(p, "caracal up -q")
    for h in hosts:
        for other in hosts:
            if h != other:
                knows(h, other)


def give(host, path, data=b"some content\n"):
    p = folder / host / "here" / path
    p.parent.mkdir(parents=True, exist_ok=True)
    p.write_bytes(data)


def there(host, path):
    return (folder / host / path).exists()


def compare(*commands):
    """What a person does at both screens when three words are shown."""
    both = [kept[c] for c in commands]
    for p in both:
        until("nobody asks whether the words are the same", lambda p=p: "same? [y/N]" in said(p))
    shown = {re.search(r"Compare on both screens:  (.*)", said(p))[1] for p in both}
    if len(shown) != 1:
        die(f"different words: {shown}")
    for p in both:
        os.write(p.master, b"y\n")
    for c, p in zip(commands, both):
        end(p, c)


def server(host, code):
    """Starts a server, and waits until it listens: who comes before is refused, and a tunnel to it is reset."""
    p = start(host, f"exec python3 -c '{code}'")
    kept[f"a server at {host}"] = p
    until(f"the server at {host} does not listen", lambda: "listens" in said(p))


LISTEN = 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_%s); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", %d))\n'
LISTENS = 's.listen()\nprint("listens", flush=True)\n'
SSHD = LISTEN % ("STREAM", 22) + LISTENS + 'while True:\n  c, a = s.accept(); c.sendall(b"SSH-2.0-roof\\r\\n"); c.close()'
WEB = LISTEN % ("STREAM", 8080) + LISTENS + 'while True:\n  c, a = s.accept(); c.recv(9999); c.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nthe kitchen\\n"); c.close()'
WEB80 = WEB.replace("8080", "80")
DNS = LISTEN % ("DGRAM", 53) + "print(\"listens\", flush=True)\nwhile True:\n  d, a = s.recvfrom(9999); s.sendto(d.upper(), a)"
ASK = """python3 -c 'import socket; u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(60); u.sendto(b"abc", ("127.0.0.1", 5300)); print(u.recv(99).decode())'"""


def files_before():
    up("kitchen", "laptop")
    give("laptop", "holiday.zip", os.urandom(100_000))
    give("laptop", "photos/one.jpg", os.urandom(50_000))
    give("laptop", "backup.tar", b"")
    give("kitchen", "music/song.ogg", os.urandom(200_000))
    give("kitchen", "music/notes.txt")


def files_cut():
    """A transfer that is long enough to be looked at."""
    os.truncate(folder / "laptop/here/holiday.zip", 3 << 30)


def files_pause(host, command):
    run(host, command)
    p = kept[SEND]
    if "paused" not in until("it is not paused", lambda: re.search(".*paused.*", run(host, "caracal transfers")))[0]:
        die("not paused")
    os.killpg(p.pid, signal.SIGINT)
    end(p, "a transfer that is stopped", 8)
    os.truncate(folder / "laptop/here/holiday.zip", 100_000)


SEND = "caracal send holiday.zip photos kitchen"


def files_sent():
    if "holiday.zip" in kept.get(SEND + "#", ""):
        return
    end(kept[SEND], SEND)
    if not (there("kitchen", "Caracal/holiday.zip") and there("kitchen", "Caracal/photos/one.jpg")):
        die("what was sent is not there")


def fetched(path):
    def look():
        if not there("laptop", path):
            die(f"{path} is not there")
    return look


def equal(host, command, want):
    if want not in run(host, command):
        die(f"{host}$ {command}: does not say {want}")


# What is done before the first command of a guide.
before = {
    "files": files_before,
    "services": lambda: (up("kitchen", "laptop", "roof"), server("kitchen", WEB), server("roof", SSHD), server("kitchen", DNS), give("kitchen", "letter")),
    "raspberry-pi": lambda: (up("pi", "laptop")),
    "configuration": lambda: up("laptop"),
}

# What is done before a line, by a part of it; after it; and how it is run, if not to its end: (its ready words, at a terminal).
first = {
    ("first-mesh", "trace roof"): lambda: (up("roof"), knows("laptop", "roof")),
    ("files", "caracal transfers"): lambda: None,
}
after = {
    ("first-mesh", "caracal join"): lambda: compare("caracal invite", words["join"]),
    ("files", "inbox accept"): files_sent,
    ("files", "get kitchen:music"): fetched("Caracal/music/song.ogg"),
    ("files", "send -"): lambda: until("the archive is not there", lambda: list((folder / "kitchen/Caracal").glob("backup*.tar"))),
    ("services", "forward 9000"): lambda: equal("laptop", "curl -s http://127.0.0.1:9000/", "the kitchen"),
    ("services", "forward --udp"): lambda: equal("laptop", ASK, "ABC"),
    ("services", "laptop:backup"): lambda: (end(kept["caracal pipe --listen backup > backup.tar"], "the pipe"), equal("laptop", "tar tf backup.tar", "letter")),
    ("private-network", "network new"): lambda: (folder / "laptop").mkdir(exist_ok=True) or (folder / "laptop/village.key").write_bytes((folder / "kitchen/here/village.key").read_bytes()),
    ("private-network", "laptop caracal up"): lambda: private(),
}
stays = {
    "caracal invite": (r"code: ", True),
    "caracal join": (r"same\?", True),
    "caracal expose": (r"Ctrl-C to stop", False),
    "caracal forward": (r"Ctrl-C to stop", False),
    "caracal socks": (r"Ctrl-C to stop", False),
    "caracal pipe --listen": (r"waiting for: caracal pipe laptop:backup", False),
    "caracal peers -w": (r"kitchen|pi", False),
    SEND: (r"waiting for kitchen|accepted|there already", False),
}
# What no namespace can do; said with who does it instead.
elsewhere = {
    r"apt install \./caracal_": "test/package.sh installs the package",
    r"adduser ": "test/package.sh installs the package",
}


def private():
    words["starts"] = words.get("starts", 0) + 1
    if words["starts"] == 1:
        knows("laptop", "kitchen")
        equal("laptop", "caracal status", "network: private")
    else:
        time.sleep(2)
        if "kitchen" in run("laptop", "caracal peers"):
            die("the private mesh is seen by somebody who has left it")


def typed(host, command):
    """Types one command."""
    where = f"{host} {command}"
    for pattern, who in elsewhere.items():
        if re.search(pattern, command):
            print(f"--         {host}$ {command}   ({who})")
            return 0
    for (g, part), f in first.items():
        if g == name and part in where:
            f()
    real = command
    if name == "files" and "inbox accept" in command:
        real = re.sub(r"\w+$", until("nothing waits", lambda: re.search(r"^(\w+) .*waiting", run(host, "caracal inbox"), re.M))[1], command)
    if "caracal join 7-" in command:
        real = words["join"] = "caracal join " + re.search(r"code: (\S+)", said(kept["caracal invite"]))[1]
    if name == "files" and command == SEND and SEND in kept:
        files_cut()
    if "transfers pause" in command:
        real = re.sub(r"\w+$", until("nothing is sent", lambda: re.search(r"^(\w+) ", run(host, "caracal transfers").split("\n", 1)[-1], re.M))[1], command)
        files_pause(host, real)
    else:
        for beginning, (ready, terminal) in stays.items():
            if command.startswith(beginning):
                stay(host, real, ready, terminal)
                break
        else:
            run(host, real)
    for (g, part), f in after.items():
        if g == name and part in where:
            f()
    ok(f"{host}$ {command}")
    return 1


def main():
    count = 0
    try:
        if name in before:
            before[name]()
        for line in open(guide):
            m = re.match(r"    ([a-z]+)\$ +(.*)", line)
            if m:
                count += typed(m[1], re.sub(r"\s+#.*", "", m[2]).strip())
        if count == 0:
            die(f"{guide} has no session")
        for command, p in kept.items():
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGINT)
            elif p.poll() not in (0, 8):
                die(f"{command} ended with {p.poll()}\n{said(p)}")
        ok(f"{count} commands")
    finally:
        for p in kept.values():
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)


main()
