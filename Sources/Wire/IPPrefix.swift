/// A network prefix of either family, host bits zero: `192.168.77.0/24`, `2001:db8::/32`.
public struct IPPrefix: Hashable, Sendable, Comparable {
  /// The lowest address of the prefix.
  public let address: IPAddress
  /// Leading bits that are fixed: 0 to 32, or 0 to 128.
  public let length: Int

  /// Clears the host bits of `address`. Nil where `length` does not fit the family.
  public init?(_ address: IPAddress, length: Int) {
    guard length >= 0, length <= address.family.bits else { return nil }
    switch address {
    case .v4(let a): self.address = .v4(IPv4Address(value: a.value & Self.mask32(length)))
    case .v6(let a):
      self.address = .v6(
        IPv6Address(high: a.high & Self.mask64(min(length, 64)), low: a.low & Self.mask64(max(length - 64, 0))))
    }
    self.length = length
  }

  public var family: IPFamily { address.family }

  /// The highest address of the prefix: the broadcast address of an IPv4 network.
  public var lastAddress: IPAddress {
    switch address {
    case .v4(let a): .v4(IPv4Address(value: a.value | ~Self.mask32(length)))
    case .v6(let a):
      .v6(
        IPv6Address(high: a.high | ~Self.mask64(min(length, 64)), low: a.low | ~Self.mask64(max(length - 64, 0))))
    }
  }

  /// The netmask of an IPv4 prefix; nil for IPv6.
  public var netmask: IPv4Address? { family == .v4 ? IPv4Address(value: Self.mask32(length)) : nil }

  public func contains(_ other: IPAddress) -> Bool {
    other.family == family && IPPrefix(other, length: length)?.address == address
  }

  public func contains(_ other: IPPrefix) -> Bool { other.length >= length && contains(other.address) }

  public func overlaps(_ other: IPPrefix) -> Bool { contains(other) || other.contains(self) }

  public static func < (a: Self, b: Self) -> Bool { (a.address, a.length) < (b.address, b.length) }

  private static func mask32(_ length: Int) -> UInt32 { length == 0 ? 0 : .max << UInt32(32 - length) }
  private static func mask64(_ length: Int) -> UInt64 { length == 0 ? 0 : .max << UInt64(64 - length) }
}

extension IPPrefix: LosslessStringConvertible {
  /// `ADDRESS/LENGTH`, or a bare address for a single host. Host bits must be zero.
  public init?(_ text: String) {
    guard let parsed = InterfaceAddress(text), let prefix = Optional(parsed.prefix), prefix.address == parsed.address
    else { return nil }
    self = prefix
  }

  public var description: String { "\(address.description)/\(length)" }
}

/// An address with the length of its network, as an interface has it: `192.168.77.1/24`.
public struct InterfaceAddress: Hashable, Sendable, Comparable {
  public let address: IPAddress
  /// Length of the network's prefix in bits.
  public let length: Int

  /// Nil where `length` does not fit the family.
  public init?(_ address: IPAddress, length: Int) {
    guard length >= 0, length <= address.family.bits else { return nil }
    self.address = address
    self.length = length
  }

  /// The network that the address is in.
  public var prefix: IPPrefix { IPPrefix(address, length: length)! }

  public static func < (a: Self, b: Self) -> Bool { (a.address, a.length) < (b.address, b.length) }
}

extension InterfaceAddress: LosslessStringConvertible {
  /// `ADDRESS/LENGTH`, or a bare address for a single host (/32 or /128).
  public init?(_ text: String) {
    guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
      guard let address = IPAddress(text) else { return nil }
      self.init(address, length: address.family.bits)
      return
    }
    let digits = text[text.utf8.index(after: slash)...]
    guard let address = IPAddress(String(text[..<slash])), !digits.isEmpty, digits.utf8.count <= 3,
      digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }), let length = Int(digits)
    else { return nil }
    self.init(address, length: length)
  }

  public var description: String { "\(address.description)/\(length)" }
}
