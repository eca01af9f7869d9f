"""Sends packets with any source and any flags, as the lines of standard input say:

    NUMBER udp|tcp|null|echo SOURCE DESTINATION PORT [TIMES]

`tcp` is a SYN, `null` a segment without any flag, `echo` a ping. Each carries the mark `lares-probe NUMBER`, by which canary.py knows it.
With TIMES it is sent as often, each time from another port; pings stay one flow. An empty line is answered with `sent`; before that comes a line for each packet
that this host would not send.
"""
import socket, struct, sys, time

SEQUENCE = 0x1A4E5000


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def packet(number, kind, source, destination, port, source_port):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    if kind == "udp":
        protocol, mark = 17, f"lares-probe {number}".encode()
        body = struct.pack("!4H", source_port, port, 8 + len(mark), 0) + mark
    else:
        protocol, flags = 6, 2 if kind == "tcp" else 0
        body = struct.pack("!2H2I2B3H", source_port, port, SEQUENCE | number, 0, 0x50, flags, 1024, 0, 0)
    if kind == "echo":
        protocol, mark = 58 if family == socket.AF_INET6 else 1, f"lares-probe {number}".encode()
        body = struct.pack("!2B3H", 128 if family == socket.AF_INET6 else 8, 0, 0, 1, number) + mark
    pseudo = ends + struct.pack("!I3xB", len(body), protocol)
    if protocol == 1:
        pseudo = b""
    at = {1: 2, 58: 2, 17: 6, 6: 16}[protocol]
    body = body[:at] + struct.pack("!H", checksum(pseudo + body)) + body[at + 2 :]
    if family == socket.AF_INET:
        return family, struct.pack("!2B3H2BH", 0x45, 0, 20 + len(body), number, 0, 64, protocol, 0) + ends + body
    return family, struct.pack("!IH2B", 6 << 28, len(body), protocol, 64) + ends + body


def send(family, data, destination):
    """A packet that this host cannot send now, for a route or a neighbour of its own is just changing, it sends a moment later."""
    for rest in (2, 1, 0):
        try:
            return sockets[family].sendto(data, (destination, 0))
        except OSError:
            if not rest:
                raise
            time.sleep(0.05)


sockets = {family: socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) for family in (socket.AF_INET, socket.AF_INET6)}
for line in sys.stdin:
    if not line.strip():
        print("sent", flush=True)
        continue
    number, kind, source, destination, port, times = (line.split() + ["1"])[:6]
    try:
        for turn in range(int(times)):
            source_port = 40000 + int(number) + 64 * turn
            family, data = packet(int(number), kind, source, destination, int(port), source_port)
            send(family, data, destination)
    except OSError as error:
        print(line.strip(), error, flush=True)
