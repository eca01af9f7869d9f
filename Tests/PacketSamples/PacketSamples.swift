import TestSupport

/// Frames that another implementation (scapy 2.5) made: from `host`, 192.168.77.1 and fd00::1, to `guest`,
/// 192.168.77.50 and fd00::50.
public enum PacketSample: String, CaseIterable, Sendable {
  case arpRequest =
    "ffffffffffff02000000000108060001080006040001020000000001c0a84d01000000000000c0a84d32"
  /// Identifier 0xbeef, sequence number 7, data `lares`, IPv4 identification 0x1234.
  case echoRequest =
    "0200000000500200000000010800450000211234000040014d24c0a84d01c0a84d320800e741beef00076c61726573"
  /// From port 40000 to 7, `lares`, do not fragment, 63 hops, expedited forwarding, IPv4 identification 1.
  case udp =
    "020000000050020000000001080045b80021000140003f111f8fc0a84d01c0a84d329c400007000df6406c61726573"
  /// The same over IPv6, flow label 0x12345, traffic class 12.
  case udpOverIPv6 =
    "02000000005002000000000186dd60c12345000d113ffd000000000000000000000000000001fd0000000000000000000000000000509c400007000d17736c61726573"
  case echoRequestOverIPv6 =
    "02000000005002000000000186dd60000000000d3a40fd000000000000000000000000000001fd000000000000000000000000000050800074a7beef00076c61726573"
  case neighbourSolicitation =
    "3333ff00005002000000000186dd6000000000203afffd000000000000000000000000000001ff0200000000000000000001ff00005087007cfb00000000fd0000000000000000000000000000500101020000000001"
  /// From the unspecified address: is fd00::50 free?
  case duplicateAddressDetection =
    "3333ff00005002000000000186dd6000000000183aff00000000000000000000000000000000ff0200000000000000000001ff00005087007d0700000000fd000000000000000000000000000050"
  /// Solicited and override, from the guest to the host.
  case neighbourAdvertisement =
    "02000000000102000000005086dd6000000000203afffd000000000000000000000000000050fd00000000000000000000000000000188001bb060000000fd0000000000000000000000000000500201020000000050"
  /// VLAN 42, priority 5.
  case taggedEchoRequest =
    "0200000000500200000000018100a02a08004500001c0000000040015f5dc0a84d01c0a84d320800f7fd00010001"
  /// Eight bytes at offset 24, more to follow.
  case fragment =
    "02000000005002000000000108004500001c0009200340003f52c0a84d01c0a84d323132333435363738"
  /// With a router alert.
  case echoRequestWithOptions =
    "020000000050020000000001080046000020000900004001ca4bc0a84d01c0a84d32940400000800f7fd00010001"

  /// The frame.
  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    var high: UInt8? = nil
    for digit in rawValue.utf8 {
      let value = digit < UInt8(ascii: "a") ? digit - UInt8(ascii: "0") : digit - UInt8(ascii: "a") + 10
      if let first = high { bytes.append(first << 4 | value) }
      high = high == nil ? value : nil
    }
    return bytes
  }
}

/// Frames that are almost right, the same for the same seed.
public struct PacketMutator: Sendable {
  private var generator: SeededGenerator

  public init(seed: UInt64) { generator = SeededGenerator(seed) }

  public mutating func next() -> UInt64 { generator.next() }

  /// A number from 0 to `limit` - 1.
  public mutating func next(below limit: Int) -> Int { Int(next() % UInt64(limit)) }

  /// A sample with a few bytes changed, cut or extended; half the time its IPv4 header's checksum is right again, so
  /// that the change gets past it.
  public mutating func frame() -> [UInt8] {
    var bytes = PacketSample.allCases[next(below: PacketSample.allCases.count)].bytes
    for _ in 0..<next(below: 5) {
      bytes[next(below: bytes.count)] = UInt8(truncatingIfNeeded: next())
    }
    switch next(below: 8) {
    case 0: bytes.removeLast(next(below: bytes.count + 1))
    case 1: bytes += (0..<next(below: 64)).map { _ in UInt8(truncatingIfNeeded: next()) }
    default: break
    }
    if next(below: 2) == 0, bytes.count >= 34, bytes[12] == 8, bytes[13] == 0 { repairChecksum(&bytes) }
    return bytes
  }

  private func repairChecksum(_ bytes: inout [UInt8]) {
    let end = min(14 + Int(bytes[14] & 15) * 4, bytes.count & ~1)
    (bytes[24], bytes[25]) = (0, 0)
    var sum = stride(from: 14, to: max(end, 14), by: 2).reduce(0) { $0 + Int(bytes[$1]) << 8 + Int(bytes[$1 + 1]) }
    while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
    bytes[24] = ~UInt8(truncatingIfNeeded: sum >> 8)
    bytes[25] = ~UInt8(truncatingIfNeeded: sum)
  }
}
