/// A 48-bit hardware address of an Ethernet interface (IEEE 802, EUI-48).
public struct MACAddress: Hashable, Sendable, Comparable {
  /// The address in the low 48 bits, first octet highest.
  public let value: UInt64

  /// Takes the low 48 bits of `value`.
  public init(value: UInt64) { self.value = value & 0xffff_ffff_ffff }

  /// `ff:ff:ff:ff:ff:ff`.
  public static let broadcast = MACAddress(value: 0xffff_ffff_ffff)

  /// True for group addresses (multicast and broadcast), which no interface owns.
  public var isGroup: Bool { value & 0x0100_0000_0000 != 0 }

  /// True where the address was made up locally, as phones do per network (RFC 9542 section 2.1).
  public var isLocallyAdministered: Bool { value & 0x0200_0000_0000 != 0 }

  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

extension MACAddress: LosslessStringConvertible {
  /// Six pairs of hexadecimal digits, joined by colons or hyphens: `02:00:00:00:00:10`.
  public init?(_ text: String) {
    var value: UInt64 = 0
    var digits = 0
    var separator: UInt8? = nil
    for byte in text.utf8 {
      if digits > 0, digits < 12, digits % 2 == 0, separator == nil {
        guard byte == UInt8(ascii: ":") || byte == UInt8(ascii: "-") else { return nil }
        separator = byte
        continue
      }
      guard let digit = hexadecimalValue(of: byte), digits < 12 else { return nil }
      value = value << 4 | UInt64(digit)
      digits += 1
      separator = nil
    }
    guard digits == 12, separator == nil else { return nil }
    self.init(value: value)
  }

  public var description: String {
    var text = ""
    for shift in stride(from: 40, through: 0, by: -8) {
      let octet = UInt8(truncatingIfNeeded: value >> UInt64(shift))
      if octet < 16 { text += "0" }
      text += String(octet, radix: 16)
      if shift > 0 { text += ":" }
    }
    return text
  }
}

/// The value of one ASCII hexadecimal digit, or nil.
package func hexadecimalValue(of byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
