/// A domain name (RFC 1035 section 3.1), absolute, at most 255 octets on the wire.
///
/// Equality and hashing ignore the case of ASCII letters (RFC 4343); the letters themselves are kept.
public struct DomainName: Sendable {
  /// Labels with their length octets, the root's empty label last: `\u{4}home\u{4}arpa\0`. Never compressed.
  public let wire: [UInt8]

  /// Longest name on the wire, in octets.
  public static let maximumLength = 255

  /// `.`
  public static let root = DomainName(validWire: [0])

  /// Takes bytes that are known to be one complete, uncompressed name.
  init(validWire: [UInt8]) { wire = validWire }

  /// Nil unless `wire` is exactly one complete, uncompressed name.
  public init?(wire: some Collection<UInt8>) {
    let bytes = Array(wire)
    guard bytes.count <= Self.maximumLength else { return nil }
    var index = 0
    while index < bytes.count {
      let length = Int(bytes[index])
      guard length <= 63 else { return nil }
      if length == 0 {
        guard index == bytes.count - 1 else { return nil }
        self.init(validWire: bytes)
        return
      }
      index += 1 + length
    }
    return nil
  }

  /// The label before this name: `nas` + `home.arpa`. Nil where it would not fit.
  public func prepending(_ label: String) -> DomainName? {
    let bytes = Array(label.utf8)
    guard bytes.count >= 1, bytes.count <= 63 else { return nil }
    return DomainName(wire: [UInt8(bytes.count)] + bytes + wire)
  }

  /// The name without its first label; nil for the root.
  public var parent: DomainName? {
    wire[0] == 0 ? nil : DomainName(validWire: Array(wire[(1 + Int(wire[0]))...]))
  }

  /// Number of labels; 0 for the root.
  public var labelCount: Int {
    var count = 0
    var index = 0
    while wire[index] != 0 {
      count += 1
      index += 1 + Int(wire[index])
    }
    return count
  }

  /// The first label's octets; empty for the root.
  public var firstLabel: ArraySlice<UInt8> { wire[1..<1 + Int(wire[0])].prefix(wire[0] == 0 ? 0 : .max) }

  /// True where this name is `ancestor` or lies below it.
  public func isWithin(_ ancestor: DomainName) -> Bool {
    var index = 0
    while wire.count - index > ancestor.wire.count, wire[index] != 0 { index += 1 + Int(wire[index]) }
    guard wire.count - index == ancestor.wire.count else { return false }
    return zip(wire[index...], ancestor.wire).allSatisfy { lowercased($0) == lowercased($1) }
  }

  /// The same name in lower case.
  public var canonical: DomainName { DomainName(validWire: wire.map(lowercased)) }
}

extension DomainName: Hashable {
  public static func == (a: Self, b: Self) -> Bool {
    a.wire.count == b.wire.count && zip(a.wire, b.wire).allSatisfy { lowercased($0) == lowercased($1) }
  }

  public func hash(into hasher: inout Hasher) {
    for byte in wire { hasher.combine(lowercased(byte)) }
  }
}

extension DomainName: LosslessStringConvertible {
  /// Presentation format (RFC 1035 section 5.1) with `\.` and `\DDD` escapes; a final dot changes nothing.
  public init?(_ text: String) {
    if text == "." {
      self = .root
      return
    }
    var wire: [UInt8] = [0]
    var labelStart = 0
    let bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      var byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: ".") {
        guard wire.count - labelStart > 1 else { return nil }
        wire[labelStart] = UInt8(wire.count - labelStart - 1)
        labelStart = wire.count
        wire.append(0)
        continue
      }
      if byte == UInt8(ascii: "\\") {
        guard index < bytes.count else { return nil }
        byte = bytes[index]
        index += 1
        if isDigit(byte) {
          guard index + 1 < bytes.count, isDigit(bytes[index]), isDigit(bytes[index + 1]) else { return nil }
          let value = Int(byte - 48) * 100 + Int(bytes[index] - 48) * 10 + Int(bytes[index + 1] - 48)
          guard value <= 255 else { return nil }
          byte = UInt8(value)
          index += 2
        }
      }
      guard wire.count - labelStart <= 63, wire.count < Self.maximumLength else { return nil }
      wire.append(byte)
    }
    if wire.count - labelStart > 1 {
      wire[labelStart] = UInt8(wire.count - labelStart - 1)
      wire.append(0)
    } else if labelStart == 0 {
      return nil
    }
    guard wire.count <= Self.maximumLength else { return nil }
    self.init(validWire: wire)
  }

  /// Presentation format without the final dot; the root is `.`.
  public var description: String {
    guard wire[0] != 0 else { return "." }
    var text = ""
    var index = 0
    while wire[index] != 0 {
      if index > 0 { text += "." }
      for byte in wire[index + 1...index + Int(wire[index])] {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: ";"), UInt8(ascii: "("),
          UInt8(ascii: ")"), UInt8(ascii: "@"), UInt8(ascii: "$"):
          text += "\\"
          text.unicodeScalars.append(Unicode.Scalar(byte))
        case 0x21...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
        default:
          text += "\\"
          if byte < 100 { text += "0" }
          if byte < 10 { text += "0" }
          text += String(byte)
        }
      }
      index += 1 + Int(wire[index])
    }
    return text
  }
}

/// ASCII letters in lower case, everything else unchanged.
@inlinable
public func lowercased(_ byte: UInt8) -> UInt8 {
  byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
}

private func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

/// True for one label of letters, digits and inner hyphens, 1 to 63 long (RFC 1123 section 2.1).
public func isHostLabel(_ text: some StringProtocol) -> Bool {
  let bytes = Array(text.utf8)
  guard bytes.count >= 1, bytes.count <= 63, bytes.first != UInt8(ascii: "-"), bytes.last != UInt8(ascii: "-") else {
    return false
  }
  return bytes.allSatisfy { lowercased($0) &- UInt8(ascii: "a") < 26 || isDigit($0) || $0 == UInt8(ascii: "-") }
}
