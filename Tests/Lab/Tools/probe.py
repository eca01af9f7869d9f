"""Somebody who tries to get in: sends TCP and UDP probes to every address and port, round after round, and prints what comes back.

    probe.py INTERFACE HARDWARE TCP-PORTS UDP-PORTS SECONDS ADDRESS...

Every frame that HARDWARE sends is looked at: a probe must be met by silence, so a SYN-ACK, a reset, a datagram from a probed
port or an ICMP error is printed, once each. Ends after SECONDS (0: when it is told to) with `rounds N`.
"""
import select, signal, socket, struct, sys, time

interface, hardware = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", ""))
tcp_ports, udp_ports = ([int(port) for port in ports.split(",") if port] for ports in sys.argv[3:5])
seconds, addresses = float(sys.argv[5]), sys.argv[6:]
MARK = b"lares-probe"
ROUND = 0.25

sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
sniffer.bind((interface, 0))
answers = set()


def report(text):
    if text not in answers:
        answers.add(text)
        print("answer", text, flush=True)


def look(frame):
    """Prints what a frame of the router answers, if it answers a probe."""
    if frame[6:12] != hardware:
        return
    kind, packet = struct.unpack("!H", frame[12:14])[0], frame[14:]
    if kind == 0x0800:
        protocol, source = packet[9], socket.inet_ntop(socket.AF_INET, packet[12:16])
        body = packet[(packet[0] & 15) * 4 :]
    elif kind == 0x86DD:
        protocol, source, body = packet[6], socket.inet_ntop(socket.AF_INET6, packet[8:24]), packet[40:]
    else:
        return
    if protocol == 6:
        port, flags = struct.unpack("!H", body[:2])[0], body[13]
        if port in tcp_ports and flags & 0x16 not in (0x02, 0):
            report(f"tcp {source} {port} {'closed' if flags & 4 else 'open'}")
    elif protocol == 17:
        port = struct.unpack("!H", body[:2])[0]
        if port in udp_ports:
            report(f"udp {source} {port}")
    elif protocol == 1 and body[0] in (3, 5, 11, 12) or protocol == 58 and body[0] in (1, 2, 3, 4, 137):
        report(f"icmp{'6' if protocol == 58 else ''} {source} {body[0]}/{body[1]}")


def send_probes():
    """One of each kind to each port; the sockets, which must live until the round is over."""
    sockets = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for kind, ports in ((socket.SOCK_STREAM, tcp_ports), (socket.SOCK_DGRAM, udp_ports)):
            for port in ports:
                probe = socket.socket(family, kind)
                probe.setblocking(False)
                sockets.append(probe)
                try:
                    probe.connect((address, port))
                    if kind == socket.SOCK_DGRAM:
                        probe.send(MARK)
                except OSError:
                    pass  # Not yet answered, or no way there at this moment.
    return sockets


def stop(*_):
    global seconds
    seconds = 1e-9


signal.signal(signal.SIGTERM, stop)
start, rounds = time.monotonic(), 0
while seconds == 0 or time.monotonic() - start < seconds or rounds == 0:
    sockets, end = send_probes(), time.monotonic() + ROUND
    while (left := end - time.monotonic()) > 0:
        if select.select([sniffer], [], [], left)[0]:
            look(sniffer.recv(65536))
    for probe in sockets:
        probe.close()
    rounds += 1
print("rounds", rounds, flush=True)
