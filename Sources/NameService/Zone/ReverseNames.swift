import Wire

/// Names of the reverse tree (RFC 1035 section 3.5, RFC 3596 section 2.5).
enum ReverseName {
  /// `10.77.168.192.in-addr.arpa`, or the 32 nibbles below `ip6.arpa`.
  static func of(_ address: IPAddress) -> DomainName {
    switch address {
    case .v4(let address): v4(address.value, octets: 4)
    case .v6(let address): v6(address, nibbles: 32)
    }
  }

  /// The zones that hold exactly a prefix: one where its length ends a label, else up to 128 (in-addr.arpa) or 8 (ip6.arpa).
  static func zones(of prefix: IPPrefix) -> [DomainName] {
    switch prefix.address {
    case .v4(let address):
      let octets = (prefix.length + 7) / 8
      let step = UInt32(1) << UInt32(32 - max(octets, 1) * 8)
      return (0..<UInt32(1) << UInt32(octets * 8 - prefix.length)).map {
        v4(address.value &+ $0 &* step, octets: octets)
      }
    case .v6(let address):
      let nibbles = (prefix.length + 3) / 4
      return (0..<UInt64(1) << UInt64(nibbles * 4 - prefix.length)).map { index in
        let shift = UInt64(128 - nibbles * 4)
        let high = shift >= 64 ? address.high &+ index << (shift - 64) : address.high
        let low = shift < 64 ? address.low &+ index << shift : address.low
        return v6(IPv6Address(high: high, low: low), nibbles: nibbles)
      }
    }
  }

  private static func v4(_ value: UInt32, octets: Int) -> DomainName {
    var wire: [UInt8] = []
    wire.reserveCapacity(30)
    for index in (0..<octets).reversed() {
      let octet = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index))
      let digits = octet >= 100 ? 3 : octet >= 10 ? 2 : 1
      wire.append(UInt8(digits))
      for divisor: UInt8 in [100, 10, 1].suffix(digits) { wire.append(UInt8(ascii: "0") + octet / divisor % 10) }
    }
    return DomainName(wire: wire + inAddrArpa.wire) ?? .root
  }

  private static func v6(_ address: IPv6Address, nibbles: Int) -> DomainName {
    var wire: [UInt8] = []
    wire.reserveCapacity(74)
    for index in (0..<nibbles).reversed() {
      let half = index < 16 ? address.high : address.low
      let nibble = UInt8(truncatingIfNeeded: half >> UInt64(60 - 4 * (index % 16))) & 15
      wire += [1, nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10]
    }
    return DomainName(wire: wire + ip6Arpa.wire) ?? .root
  }

  private static let inAddrArpa = DomainName("in-addr.arpa") ?? .root
  private static let ip6Arpa = DomainName("ip6.arpa") ?? .root
}

/// Zones that a resolver answers itself, because no server on the Internet may be asked about them.
enum LocallyServedZones {
  /// Reverse zones of local addresses (RFC 6303, RFC 7793). Those of documentation prefixes are left to the upstream.
  static var reverse: [DomainName] {
    let v4 = [
      "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
      "192.168.0.0/16", "255.255.255.255/32",
    ]
    let v6 = ["::/128", "::1/128", "fd00::/8", "fe80::/10"]
    return (v4 + v6).compactMap { IPPrefix($0) }.flatMap { ReverseName.zones(of: $0) }
  }

  /// Names that exist only here or nowhere (RFC 6761, 6762, 7686, 8375, 9462).
  static var forward: [DomainName] {
    ["localhost", "invalid", "local", "onion", "home.arpa", "resolver.arpa"].compactMap { DomainName($0) }
  }
}
