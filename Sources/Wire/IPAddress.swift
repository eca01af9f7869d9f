/// The two families of the Internet Protocol.
public enum IPFamily: UInt8, Hashable, Sendable {
  case v4 = 4
  case v6 = 6

  /// Bits in an address of this family: 32 or 128.
  public var bits: Int { self == .v4 ? 32 : 128 }
}

/// An address of either family.
public enum IPAddress: Hashable, Sendable, Comparable {
  case v4(IPv4Address)
  case v6(IPv6Address)

  public var family: IPFamily {
    switch self {
    case .v4: .v4
    case .v6: .v6
    }
  }

  /// The IPv4 address, or nil.
  public var v4: IPv4Address? { if case .v4(let address) = self { address } else { nil } }
  /// The IPv6 address, or nil.
  public var v6: IPv6Address? { if case .v6(let address) = self { address } else { nil } }
}

extension IPAddress: LosslessStringConvertible {
  public init?(_ text: String) {
    if let address = IPv4Address(text) {
      self = .v4(address)
    } else if let address = IPv6Address(text) {
      self = .v6(address)
    } else {
      return nil
    }
  }

  public var description: String {
    switch self {
    case .v4(let address): address.description
    case .v6(let address): address.description
    }
  }
}
