/// An IPv4 address (RFC 791).
public struct IPv4Address: Hashable, Sendable, Comparable {
  /// The address as a number in host byte order: 192.0.2.1 is `0xc0000201`.
  public let value: UInt32

  public init(value: UInt32) { self.value = value }

  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    self.init(value: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
  }

  /// `0.0.0.0`, the unspecified address.
  public static let any = IPv4Address(value: 0)
  /// `255.255.255.255`, the limited broadcast address (RFC 919).
  public static let broadcast = IPv4Address(value: .max)
  /// `127.0.0.1`.
  public static let loopback = IPv4Address(127, 0, 0, 1)

  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }

  public func advanced(by count: Int) -> IPv4Address {
    IPv4Address(value: UInt32(truncatingIfNeeded: Int(value) + count))
  }
}

extension IPv4Address: LosslessStringConvertible {
  /// Strict dotted decimal: four numbers of 0 to 255 without leading zeros (RFC 6943 section 3.1.1).
  public init?(_ text: String) {
    var value: UInt32 = 0
    var octet: UInt32 = 0
    var digits = 0
    var dots = 0
    for byte in text.utf8 {
      if byte == UInt8(ascii: ".") {
        guard digits > 0, dots < 3 else { return nil }
        value = value << 8 | octet
        (octet, digits, dots) = (0, 0, dots + 1)
        continue
      }
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 3, digits == 0 || octet > 0 else {
        return nil
      }
      octet = octet * 10 + UInt32(byte - UInt8(ascii: "0"))
      digits += 1
      guard octet <= 255 else { return nil }
    }
    guard dots == 3, digits > 0 else { return nil }
    self.init(value: value << 8 | octet)
  }

  public var description: String {
    "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
  }
}
