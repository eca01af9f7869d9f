"""Asks for a neighbour as ever new senders: solicit.py INTERFACE TARGET COUNT (RFC 4861 section 4.3)."""
import socket
import struct
import sys


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def solicitation(number, target):
    hardware = struct.pack("!HI", 0x0200, 0x10000 + number)
    source = socket.inet_pton(socket.AF_INET6, "fe80::1:%x" % number)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    body = struct.pack("!I", 0) + target + b"\x01\x01" + hardware
    pseudo = source + group + struct.pack("!II", len(body) + 4, 58)
    message = struct.pack("!BBH", 135, 0, checksum(pseudo + struct.pack("!BBH", 135, 0, 0) + body)) + body
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + source + group
    return b"\x33\x33" + group[12:] + hardware + b"\x86\xdd" + header + message


interface, target, count = sys.argv[1], socket.inet_pton(socket.AF_INET6, sys.argv[2]), int(sys.argv[3])
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind((interface, 0))
for number in range(1, count + 1):
    link.send(solicitation(number, target))
