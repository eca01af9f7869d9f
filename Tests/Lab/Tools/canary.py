"""Listens on ports of all addresses of a host, and prints whoever gets through.

    canary.py TCP-PORTS UDP-PORTS [INTERFACE]

Ports that a program of the host already has are left to it. With INTERFACE it also prints packets that arrive there with the
mark of a probe: those that no socket would see. So it does with redirects, whose copy of the packet may end before the mark.
"""
import select, socket, struct, sys

tcp_ports, udp_ports = ([int(port) for port in ports.split(",") if port] for ports in sys.argv[1:3])
MARK, SEQUENCE = b"lares-probe", 0x1A4E5000
listeners = {}
for kind, ports in ((socket.SOCK_STREAM, tcp_ports), (socket.SOCK_DGRAM, udp_ports)):
    for port in ports:
        listener = socket.socket(socket.AF_INET6, kind)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind == socket.SOCK_STREAM:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("::", port))
        except OSError:
            continue
        if kind == socket.SOCK_STREAM:
            listener.listen(64)
        listeners[listener] = (kind, port)
sniffer = None
if len(sys.argv) > 3:
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    # As much as the kernel gives: what does not fit is not seen.
    sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    sniffer.bind((sys.argv[3], 0))


def sequence(protocol, body):
    if protocol != 6:
        return []
    sent, acknowledged = struct.unpack("!2I", body[4:12])
    return [sent, acknowledged - 1]


def look(frame, kind):
    if kind[2] == socket.PACKET_OUTGOING:
        return
    ethernet, packet = struct.unpack("!H", frame[12:14])[0], frame[14:]
    if ethernet == 0x0800:
        family, protocol, ends, body = socket.AF_INET, packet[9], packet[12:20], packet[(packet[0] & 15) * 4 :]
    elif ethernet == 0x86DD:
        family, protocol, ends, body = socket.AF_INET6, packet[6], packet[8:40], packet[40:]
    else:
        return
    half = len(ends) // 2
    # A segment has the mark in its sequence number, an answer to one acknowledges the number after it.
    numbers = [number & 0xFFF for number in sequence(protocol, body) if number & 0xFFFFF000 == SEQUENCE]
    if ethernet == 0x86DD and protocol == 58 and body[0] == 137:
        print("seen redirect from", socket.inet_ntop(family, ends[:half]), flush=True)
    elif numbers or MARK in body:
        text = body[body.index(MARK) :][:40].decode() if MARK in body else f"lares-probe {numbers[0]}"
        source, destination = (socket.inet_ntop(family, end) for end in (ends[:half], ends[half:]))
        print("seen", protocol, source, destination, text, flush=True)


print("ready", flush=True)
while True:
    for ready in select.select([*listeners, *([sniffer] if sniffer else [])], [], [])[0]:
        if ready is sniffer:
            look(*ready.recvfrom(65536))
            continue
        kind, port = listeners[ready]
        try:
            if kind == socket.SOCK_STREAM:
                connection, sender = ready.accept()
                print("tcp", port, sender[0], flush=True)
                with connection:
                    connection.sendall(b"lares-canary\n")
            else:
                data, sender = ready.recvfrom(2048)
                print("udp", port, sender[0], flush=True)
                ready.sendto(b"lares-canary\n", sender)
        except OSError:
            # The sender is gone, or no way leads to it: who got through is told all the same.
            continue
