"""A foreign client of rdv/1 for the lab, written from docs/rdv.md: it listens at the port that it connects from
(SO_REUSEPORT), and dials each address of its peer once. So do clients that know nothing of our second port.

    python3 once.py SERVER-HOST SERVER-PORT

Takes {"number", "method", "token", "word"} as lines, answers each with {"number", "relay", "ms", "heard"}: how long until
a connection was chosen, and what the peer said over it.
"""
import json
import select
import socket
import sys
import threading
import time

RELAY_AFTER_S = 1.0
PATIENCE_S = 15.0


def bound(port, address=""):
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((address, port))
    return made


def until(conn, end):
    held = b""
    while not held.endswith(end):
        byte = conn.recv(1)
        if not byte:
            raise OSError("ended")
        held += byte
    return held.decode()


def own_address(server):
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.connect(server)
    return probe.getsockname()[0]


def ready(make, found, lock):
    """Calls in a thread what makes a connection; a failure is none."""
    def run():
        try:
            conn = make()
            with lock:
                found.append(conn)
        except OSError:
            pass
    threading.Thread(target=run, daemon=True).start()


def meet(server, method, token, word):
    began = time.monotonic()
    listener = bound(0)
    port = listener.getsockname()[1]
    listener.listen(16)
    relay = bound(port)
    relay.settimeout(PATIENCE_S)
    relay.connect(server)
    relay.sendall(
        f"{method} /rdv/{token} HTTP/1.1\r\nHost: {server[0]}\r\nConnection: upgrade\r\n"
        f"Rdv-Self-Addrs: {own_address(server)}:{port}\r\nUpgrade: rdv/1\r\n\r\n".encode()
    )
    head = until(relay, b"\r\n\r\n").split("\r\n")
    if " 101 " not in head[0]:
        raise OSError(head[0])
    peers = [line.split(": ", 1)[1] for line in head if line.startswith("Rdv-Peer-Addrs: ")][0].split(", ")
    met = time.monotonic()
    other = "ACCEPT" if method == "DIAL" else "DIAL"

    def greeted(conn):
        conn.settimeout(PATIENCE_S)
        conn.sendall(f"rdv/1 {method} {token}\n".encode())
        if until(conn, b"\n") != f"rdv/1 {other} {token}\n":
            raise OSError("a stranger")
        if method == "ACCEPT" and until(conn, b"\n") != "CONTINUE\n":
            raise OSError("not chosen")
        return conn, False

    def dialled(address):
        host, _, number = address.rpartition(":")
        conn = bound(port)
        conn.settimeout(PATIENCE_S)
        conn.connect((host, int(number)))
        return greeted(conn)

    def relayed():
        if until(relay, b"\n") != "CONTINUE\n":
            raise OSError("not chosen")
        return relay, True

    found, lock = [], threading.Lock()
    for address in peers:
        ready(lambda address=address: dialled(address), found, lock)
    if method == "ACCEPT":
        ready(relayed, found, lock)
    while time.monotonic() - met < (RELAY_AFTER_S if method == "DIAL" else PATIENCE_S) and not found:
        if select.select([listener], [], [], 0.002)[0]:
            came = listener.accept()[0]
            ready(lambda came=came: greeted(came), found, lock)
    with lock:
        chosen, is_relay = found[0] if found else (relay, True)
    ms = (time.monotonic() - began) * 1000
    if method == "DIAL":
        if not is_relay:
            relay.sendall("OTHER {}:{}\n".format(*chosen.getpeername()).encode())
        chosen.sendall(b"CONTINUE\n")
    chosen.settimeout(PATIENCE_S)
    chosen.sendall((word + "\n").encode())
    heard = until(chosen, b"\n").strip()
    threading.Timer(0.2, chosen.close).start()
    listener.close()
    return {"relay": is_relay, "ms": ms, "wordMs": (time.monotonic() - began) * 1000, "heard": heard}


def main():
    server = (sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            answer = meet(server, ask["method"], ask["token"], ask["word"])
        except Exception as problem:  # The lab tells it.
            answer = {"error": repr(problem)}
        print(json.dumps({"number": ask["number"], **answer}), flush=True)


main()
