/// What an IP packet carries (IANA protocol numbers; in IPv6 the next header).
public struct IPProtocol: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let icmpv4 = IPProtocol(rawValue: 1)
  public static let tcp = IPProtocol(rawValue: 6)
  public static let udp = IPProtocol(rawValue: 17)
  public static let icmpv6 = IPProtocol(rawValue: 58)
}

extension InternetChecksum {
  /// Starts with the pseudo-header of RFC 9293 section 3.1 or RFC 8200 section 8.1, for a payload of `length` bytes.
  public init(
    pseudoHeaderFrom source: IPAddress, to destination: IPAddress, protocol: IPProtocol, length: Int
  ) {
    self.init()
    add(source)
    add(destination)
    add(UInt32(truncatingIfNeeded: length))
    add(UInt16(`protocol`.rawValue))
  }

  private mutating func add(_ value: UInt64) {
    add(UInt32(truncatingIfNeeded: value >> 32))
    add(UInt32(truncatingIfNeeded: value))
  }

  /// Adds the 4 or 16 bytes of `address`.
  public mutating func add(_ address: IPAddress) {
    switch address {
    case .v4(let address): add(address.value)
    case .v6(let address):
      add(address.high)
      add(address.low)
    }
  }
}
