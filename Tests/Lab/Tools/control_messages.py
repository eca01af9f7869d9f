"""Asks the router by ARP, neighbour discovery and every kind of control message, and prints what it answers.

    control_messages.py INTERFACE HARDWARE IPV4-ADDRESS IPV6-ADDRESS
"""
import select, socket, struct, sys, time

interface, hardware, address4, address6 = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), *sys.argv[3:5]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((interface, 0))
own = wire.getsockname()[4]
SOURCE4, SOURCE6 = socket.inet_pton(socket.AF_INET, "203.0.113.1"), socket.inet_pton(socket.AF_INET6, "2001:db8:0:1::1")
target4, target6 = socket.inet_pton(socket.AF_INET, address4), socket.inet_pton(socket.AF_INET6, address6)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def ipv4(protocol, body):
    head = struct.pack("!2B3H2BH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0) + SOURCE4 + target4
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return hardware + own + b"\x08\x00" + head + body


def icmp(kind, code=0, rest=b"\x12\x34\0\1" + b"lares-probe."):
    body = struct.pack("!2BH", kind, code, 0) + rest
    return ipv4(1, body[:2] + struct.pack("!H", checksum(body)) + body[4:])


def ipv6(header, body, destination=target6, to=hardware, hops=255, source=SOURCE6):
    return to + own + b"\x86\xdd" + struct.pack("!IH2B", 6 << 28, len(body), header, hops) + source + destination + body


def link_local(card):
    """The address that a network card gives itself (RFC 4291 appendix A)."""
    return socket.inet_pton(socket.AF_INET6, "fe80::")[:8] + bytes([card[0] ^ 2]) + card[1:3] + b"\xff\xfe" + card[3:]


def link_local_udp(source_port, port):
    source, destination = link_local(own), link_local(hardware)
    body = struct.pack("!4H", source_port, port, 12, 0) + b"lare"
    body = body[:6] + struct.pack("!H", checksum(source + destination + struct.pack("!I3xB", len(body), 17) + body)) + body[8:]
    return ipv6(17, body, destination, source=source)


def icmp6(kind, rest=b"\x12\x34\0\1" + b"lares-probe.", destination=target6, to=hardware):
    body = struct.pack("!2BH", kind, 0, 0) + rest
    pseudo = SOURCE6 + destination + struct.pack("!I3xB", len(body), 58)
    return ipv6(58, body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:], destination, to)


def arp(address):
    return b"\xff" * 6 + own + b"\x08\x06\0\1\x08\0\6\4\0\1" + own + SOURCE4 + bytes(6) + socket.inet_aton(address)


def solicitation(address):
    wanted = socket.inet_pton(socket.AF_INET6, address)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + wanted[13:]
    return icmp6(135, bytes(4) + wanted + b"\1\1" + own, group, b"\x33\x33\xff" + wanted[13:])


def ask(frame, matches):
    """What the router sends within 0.3 s that `matches` takes for an answer."""
    while select.select([wire], [], [], 0)[0]:
        wire.recv(65536)
    wire.send(frame)
    end = time.monotonic() + 0.3
    while (left := end - time.monotonic()) > 0:
        if select.select([wire], [], [], left)[0]:
            answer = wire.recv(65536)
            if answer[6:12] == hardware and (found := matches(answer)) is not None:
                return f"answered {found}".rstrip()
    return "silence"


def answers(frame):
    """Any control message but the router's own questions: pings of its checks, neighbour discovery, listener reports."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] != 8:
        return frame[34]
    if frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] not in {128, 131, 132, 135, 136, 143}:
        return frame[54]
    return None


def is_arp_reply(address):
    return lambda f: "" if f[12:14] == b"\x08\x06" and f[21] == 2 and f[28:32] == socket.inet_aton(address) else None


def is_advertisement(address):
    wanted = socket.inet_pton(socket.AF_INET6, address)
    return lambda f: "" if f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == 136 and f[62:78] == wanted else None


for address in (address4, "192.168.77.1", "192.168.78.1"):
    print(f"arp who has {address}:", ask(arp(address), is_arp_reply(address)))
for address in (address6, "fd00:77::1"):
    print(f"nd who has {address}:", ask(solicitation(address), is_advertisement(address)))
redirect = socket.inet_aton("203.0.113.77") + bytes.fromhex("450000540000400001000000") + target4 + socket.inet_aton("198.51.100.80") + bytes(8)
for kind, name, rest in (
    (8, "echo", b"\x12\x34\0\1lares"), (13, "timestamp", b"\x12\x34\0\1" + bytes(12)), (15, "information", b"\x12\x34\0\1"),
    (17, "address mask", b"\x12\x34\0\1" + bytes(4)), (10, "router solicitation", bytes(4)), (5, "redirect", redirect),
):
    print(f"icmp {name} ({kind}):", ask(icmp(kind, 1 if kind == 5 else 0, rest), answers))
for kind, name, rest in (
    (128, "echo", b"\x12\x34\0\1lares"), (133, "router solicitation", bytes(4)), (137, "redirect", bytes(4) + target6 + SOURCE6),
    (139, "node information", bytes(12) + target6), (200, "private", bytes(4)),
):
    print(f"icmp6 {name} ({kind}):", ask(icmp6(kind, rest), answers))
print("udp to a closed port:", ask(ipv4(17, struct.pack("!4H", 40000, 33434, 12, 0) + b"lare"), answers))
lease = struct.pack("!4H", 67, 68, 12, 0) + b"lare"
print("udp from 67 to the closed port 68:", ask(ipv4(17, lease), answers))
print("udp from 547 to the closed port 546:", ask(link_local_udp(547, 546), answers))
print("unknown protocol 253:", ask(ipv4(253, b"lares"), answers))
print("unknown next header 253:", ask(ipv6(253, b"lares"), answers))
