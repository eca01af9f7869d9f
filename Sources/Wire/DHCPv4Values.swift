/// The client FQDN option (81, RFC 4702).
public struct DHCPv4ClientFQDN: Sendable, Hashable {
  public struct Flags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// S: the server is to make the name's address record.
    public static let serverUpdates = Flags(rawValue: 1)
    /// O: the server did not follow the client's S; only in replies.
    public static let overridden = Flags(rawValue: 2)
    /// E: the name is in wire format; otherwise in deprecated ASCII.
    public static let wireFormat = Flags(rawValue: 4)
    /// N: nobody is to make any record.
    public static let noUpdates = Flags(rawValue: 8)
  }

  public var flags: Flags
  /// The name's bytes as they stand: labels with length octets (E) or ASCII, complete or not.
  public var name: [UInt8]

  public init(flags: Flags, name: [UInt8]) {
    self.flags = flags
    self.name = name
  }

  /// Nil where the option is shorter than its three fixed bytes.
  public init?(_ option: [UInt8]) {
    guard option.count >= 3 else { return nil }
    self.init(flags: Flags(rawValue: option[0]), name: Array(option[3...]))
  }

  /// The option's value; RCODE1 and RCODE2 are 255 in replies and 0 in requests (RFC 4702 section 2.2).
  public func encoded(asReply: Bool) -> [UInt8] {
    let code: UInt8 = asReply ? 255 : 0
    return [flags.rawValue, code, code] + name
  }

  /// The first label as text; nil where there is none, or it is not UTF-8.
  public var firstLabel: String? {
    let label: ArraySlice<UInt8>
    if flags.contains(.wireFormat) {
      guard let length = name.first, length > 0, length <= 63, Int(length) < name.count else { return nil }
      label = name[1...Int(length)]
    } else {
      label = name.prefix { $0 != UInt8(ascii: ".") && $0 != 0 }
    }
    return label.isEmpty ? nil : String(validating: label, as: UTF8.self)
  }
}

/// A route of the classless static route option (121, RFC 3442).
public struct DHCPv4Route: Sendable, Hashable {
  /// An IPv4 prefix; `0.0.0.0/0` is the default route.
  public var destination: IPPrefix
  /// 0.0.0.0: on the link itself.
  public var router: IPv4Address

  /// Nil where the prefix is not IPv4.
  public init?(destination: IPPrefix, router: IPv4Address) {
    guard destination.family == .v4 else { return nil }
    self.destination = destination
    self.router = router
  }

  /// The routes of an option's value; nil where it is malformed, because half of a list is worse than none.
  /// Host bits that a server left set are cleared (RFC 3442, "Client Behavior").
  public static func decode(_ option: [UInt8]) -> [DHCPv4Route]? {
    var routes: [DHCPv4Route] = []
    var index = 0
    while index < option.count {
      let length = Int(option[index])
      let significant = (length + 7) / 8
      guard length <= 32, index + 1 + significant + 4 <= option.count else { return nil }
      var value: UInt32 = 0
      for offset in 0..<4 {
        value = value << 8 | (offset < significant ? UInt32(option[index + 1 + offset]) : 0)
      }
      index += 1 + significant
      let router = IPv4Address(option[index], option[index + 1], option[index + 2], option[index + 3])
      index += 4
      guard let destination = IPPrefix(.v4(IPv4Address(value: value)), length: length),
        let route = DHCPv4Route(destination: destination, router: router)
      else { return nil }
      routes.append(route)
    }
    return routes
  }

  public static func encode(_ routes: [DHCPv4Route]) -> [UInt8] {
    var writer = ByteWriter(capacity: routes.count * 9)
    for route in routes {
      guard let address = route.destination.address.v4 else { continue }
      writer.write(UInt8(route.destination.length))
      for offset in 0..<(route.destination.length + 7) / 8 {
        writer.write(UInt8(truncatingIfNeeded: address.value >> UInt32(24 - 8 * offset)))
      }
      writer.write(route.router)
    }
    return writer.bytes
  }
}

/// The domain search option (119, RFC 3397): names one after the other, compressed within the option's value.
public enum DHCPv4DomainSearch {
  /// The names; nil where the value is malformed. A pointer may only lead backwards, so that reading ends.
  public static func decode(_ option: [UInt8]) -> [DomainName]? {
    var names: [DomainName] = []
    var index = 0
    while index < option.count {
      guard let (name, next) = readName(option, at: index) else { return nil }
      names.append(name)
      index = next
    }
    return names
  }

  /// The option's value, without compression.
  public static func encode(_ names: [DomainName]) -> [UInt8] { names.flatMap { $0.wire } }

  private static func readName(_ bytes: [UInt8], at start: Int) -> (DomainName, next: Int)? {
    var wire: [UInt8] = []
    var index = start
    var next: Int? = nil
    var lowestTarget = start
    while index < bytes.count, wire.count <= DomainName.maximumLength {
      let length = Int(bytes[index])
      switch length {
      case 0:
        guard let name = DomainName(wire: wire + [0]) else { return nil }
        return (name, next ?? index + 1)
      case 1...63:
        guard index + length < bytes.count else { return nil }
        wire += bytes[index...index + length]
        index += 1 + length
      case 0xc0...:
        guard index + 1 < bytes.count else { return nil }
        let target = (length & 0x3f) << 8 | Int(bytes[index + 1])
        guard target < lowestTarget else { return nil }
        next = next ?? index + 2
        lowestTarget = target
        index = target
      default: return nil
      }
    }
    return nil
  }
}
