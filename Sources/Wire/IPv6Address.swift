/// An IPv6 address (RFC 4291), without a zone.
public struct IPv6Address: Hashable, Sendable, Comparable {
  /// The first 64 bits in host byte order: the routing prefix of an ordinary network.
  public let high: UInt64
  /// The last 64 bits in host byte order: the interface identifier of an ordinary network.
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// `::`, the unspecified address.
  public static let any = IPv6Address(high: 0, low: 0)
  /// `::1`.
  public static let loopback = IPv6Address(high: 0, low: 1)

  /// `fe80::/10`.
  public var isLinkLocal: Bool { high >> 54 == 0x3fa }
  /// `ff00::/8`.
  public var isMulticast: Bool { high >> 56 == 0xff }
  /// `fc00::/7`, unique local addresses (RFC 4193).
  public var isUniqueLocal: Bool { high >> 57 == 0x7e }
  /// The IPv4 address inside `::ffff:0:0/96`, or nil (RFC 4291 section 2.5.5.2).
  public var mappedIPv4: IPv4Address? {
    high == 0 && low >> 32 == 0xffff ? IPv4Address(value: UInt32(truncatingIfNeeded: low)) : nil
  }

  public static func < (a: Self, b: Self) -> Bool { (a.high, a.low) < (b.high, b.low) }

  /// The 16-bit group at `index`, 0 to 7, first group first.
  func group(_ index: Int) -> UInt16 {
    let half = index < 4 ? high : low
    return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index % 4)))
  }
}

extension IPv6Address: LosslessStringConvertible {
  /// Any form of RFC 4291 section 2.2, an embedded dotted quad included; no zone.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    let colon = UInt8(ascii: ":")
    var groups: [UInt16] = []
    var gap: Int? = nil
    var index = 0
    if bytes.first == colon {
      guard bytes.count >= 2, bytes[1] == colon else { return nil }
      gap = 0
      index = 2
    }
    while index < bytes.count {
      guard groups.count < 8 else { return nil }
      let start = index
      var group: UInt32 = 0
      while index < bytes.count, index - start < 4, let digit = hexadecimalValue(of: bytes[index]) {
        group = group << 4 | UInt32(digit)
        index += 1
      }
      guard index > start else { return nil }
      if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
        guard groups.count <= 6, let quad = IPv4Address(String(decoding: bytes[start...], as: UTF8.self)) else {
          return nil
        }
        groups.append(UInt16(truncatingIfNeeded: quad.value >> 16))
        groups.append(UInt16(truncatingIfNeeded: quad.value))
        index = bytes.count
        break
      }
      groups.append(UInt16(group))
      guard index < bytes.count else { break }
      guard bytes[index] == colon else { return nil }
      index += 1
      if index < bytes.count, bytes[index] == colon {
        guard gap == nil else { return nil }
        gap = groups.count
        index += 1
      } else if index == bytes.count {
        return nil
      }
    }
    if let gap {
      guard groups.count <= 7 else { return nil }
      groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
    }
    guard groups.count == 8 else { return nil }
    var halves: (UInt64, UInt64) = (0, 0)
    for index in 0..<4 {
      halves.0 = halves.0 << 16 | UInt64(groups[index])
      halves.1 = halves.1 << 16 | UInt64(groups[index + 4])
    }
    self.init(high: halves.0, low: halves.1)
  }

  /// The canonical form of RFC 5952.
  public var description: String {
    if let quad = mappedIPv4 { return "::ffff:\(quad.description)" }
    var longest = 0..<0
    var index = 0
    while index < 8 {
      var end = index
      while end < 8, group(end) == 0 { end += 1 }
      if end - index > longest.count, end - index > 1 { longest = index..<end }
      index = max(end, index + 1)
    }
    var text = ""
    index = 0
    while index < 8 {
      if index == longest.lowerBound, !longest.isEmpty {
        text += "::"
        index = longest.upperBound
        continue
      }
      if !text.isEmpty, !text.hasSuffix(":") { text += ":" }
      text += String(group(index), radix: 16)
      index += 1
    }
    return text
  }
}
