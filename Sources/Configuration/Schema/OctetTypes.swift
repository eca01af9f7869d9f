import Household
import Wire

// Types of values that are bytes on the wire: DHCP options and client identifiers.

/// Bytes as people write them: text, `hex:0a0b`, or pairs of hexadecimal digits joined by colons.
struct OctetText {
  var bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Nil where the digits behind `hex:` are not pairs, and for more than 255 bytes.
  init?(_ text: String) {
    if text.hasPrefix("text:") {
      bytes = Array(text.utf8.dropFirst(5))
    } else if text.hasPrefix("hex:") {
      guard let octets = Self.hexadecimal(Array(text.utf8.dropFirst(4)).filter { $0 != UInt8(ascii: ":") }) else {
        return nil
      }
      bytes = octets
    } else {
      bytes = Self.colonPairs(text) ?? Array(text.utf8)
    }
    guard (1...255).contains(bytes.count) else { return nil }
  }

  /// Text where that reads as the same bytes, else `hex:`.
  var description: String {
    let text = String(decoding: bytes, as: UTF8.self)
    let isPrintable = bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7f }
    if isPrintable, IPv4Address(text) == nil, OctetText(text)?.bytes == bytes { return text }
    return "hex:" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static func hexadecimal(_ digits: [UInt8]) -> [UInt8]? {
    guard digits.count % 2 == 0 else { return nil }
    var octets: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digitValue(digits[index]), let low = digitValue(digits[index + 1]), high < 16, low < 16 else {
        return nil
      }
      octets.append(high << 4 | low)
    }
    return octets
  }

  /// `01:02:00:00:00:00:10`: at least two pairs.
  private static func colonPairs(_ text: String) -> [UInt8]? {
    let pairs = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard pairs.count >= 2, pairs.allSatisfy({ $0.count == 2 }) else { return nil }
    return hexadecimal(pairs.flatMap { $0 })
  }
}

extension ValueType where Value == [UInt8] {
  /// A DHCP client identifier (option 61), as it stands in the packet.
  static let clientIdentifier = ValueType.text(
    "client identifier", expected: "text, or bytes such as \"hex:0102\" or \"01:02:00:00:00:00:10\", at most 255",
    parse: { text throws(Refusal) in
      guard let octets = OctetText(text) else { throw Refusal() }
      return octets.bytes
    }, print: { OctetText(bytes: $0).description })
}

extension ValueType where Value == [DHCPOptionSetting] {
  private static let expectedOption = "text, \"hex:0102\", or one or more IPv4 addresses"

  /// `{ "42" = ["192.168.77.5"], "77" = "hex:0102" }`. Codes in `reserved` are the protocol's own.
  static func options(reserved: Set<UInt8>) -> ValueType {
    let value = SchemaNode(
      typeName: "text, hex:…, or addresses", expected: expectedOption, form: .text, fields: [],
      accepts: { node, reader in readOption(node, &reader) != nil })
    let field = SchemaField(
      key: "CODE",
      help:
        "The option of this code, 1 to 254 (RFC 2132). An address is four bytes; \"text:…\" is text whatever it looks like.",
      defaultValue: nil, example: "\"hex:0102\"",
      isRequired: false, words: nil, node: value)
    return ValueType(
      "table of options", expected: "a table of options by code", form: .named, fields: [field],
      read: { node, reader in
        guard let table = node.table else {
          reader.reportUnexpected(node, expected: "a table of options by code, such as { \"42\" = \"192.168.77.5\" }")
          return nil
        }
        let options = table.entries.map { entry in
          reader.within(.key(entry.key)) { reader in readOption(entry, reserved: reserved, &reader) }
        }
        return options.contains { $0 == nil } ? nil : options.compactMap { $0 }
      },
      write: { options in
        .table(options.map { TOMLField(String($0.code), .string(text(of: $0.bytes))) })
      })
  }

  private static func readOption(
    _ entry: TOMLTable.Entry, reserved: Set<UInt8>, _ reader: inout ConfigurationReader
  ) -> DHCPOptionSetting? {
    guard let code = portNumber(entry.key).flatMap({ UInt8(exactly: $0) }), code < 255 else {
      reader.report(
        "\(TOMLValue.quoted(entry.key)) is no option code", at: entry.keyRange.lowerBound, found: entry.key,
        expected: "a number from 1 to 254", hint: "options are named by their number (RFC 2132), such as \"42\"")
      return nil
    }
    guard !reserved.contains(code) else {
      reader.report(
        "option \(code) cannot be set by hand", at: entry.keyRange.lowerBound, found: entry.key,
        hint: "the protocol itself fills it")
      return nil
    }
    return readOption(entry.node, &reader).map { DHCPOptionSetting(code: code, bytes: $0) }
  }

  private static func readOption(_ node: TOMLNode, _ reader: inout ConfigurationReader) -> [UInt8]? {
    switch node.content {
    case .scalar(.string(let text)):
      if let address = IPv4Address(text) { return octets(of: address) }
      if let octets = OctetText(text) { return octets.bytes }
    case .array(let elements):
      let addresses = elements.compactMap { element -> IPv4Address? in
        if case .scalar(.string(let text)) = element.content { IPv4Address(text) } else { nil }
      }
      if addresses.count == elements.count, (1...63).contains(addresses.count) { return addresses.flatMap(octets) }
    default: break
    }
    reader.reportUnexpected(node, expected: expectedOption)
    return nil
  }

  private static func octets(of address: IPv4Address) -> [UInt8] {
    stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: address.value >> UInt32($0)) }
  }

  private static func text(of bytes: [UInt8]) -> String { OctetText(bytes: bytes).description }
}

extension ValueType where Value == [ForwardZone] {
  /// `{ "corp.example" = ["10.0.0.1"] }`.
  static let forwardZones: ValueType = {
    let servers = ValueType<SocketAddress>.endpoint(defaultPort: 53).oneOrMore("them")
    let field = SchemaField(
      key: "DOMAIN", help: "The servers for this domain and everything below it.", defaultValue: nil,
      example: "[\"10.0.0.1\"]", isRequired: false, words: nil, node: servers.node)
    return ValueType(
      "table of servers by domain",
      expected: "a table of servers by domain, such as { \"corp.example\" = [\"10.0.0.1\"] }",
      form: .named, fields: [field],
      read: { node, reader in
        guard let table = node.table else {
          reader.reportUnexpected(
            node, expected: "a table of servers by domain, such as { \"corp.example\" = [\"10.0.0.1\"] }")
          return nil
        }
        let zones = table.entries.map { entry in
          reader.within(.key(entry.key)) { reader in readZone(entry, servers, &reader) }
        }
        return zones.contains { $0 == nil } ? nil : zones.compactMap { $0 }
      },
      write: { zones in
        .table(zones.compactMap { zone in servers.write(zone.servers).map { TOMLField(zone.domain.description, $0) } })
      })
  }()

  private static func readZone(
    _ entry: TOMLTable.Entry, _ servers: ValueType<[SocketAddress]>, _ reader: inout ConfigurationReader
  ) -> ForwardZone? {
    guard let domain = DomainName(entry.key) else {
      reader.report(
        "\(TOMLValue.quoted(entry.key)) is no domain name", at: entry.keyRange.lowerBound, found: entry.key,
        hint: entry.node.table == nil ? nil : "put the domain into quotes: \"corp.example\"")
      return nil
    }
    guard entry.node.table == nil else {
      reader.report(
        "a domain stands in quotes here", at: entry.keyRange.lowerBound, found: entry.key,
        hint: "write forward = { \"corp.example\" = [\"10.0.0.1\"] }; without the quotes the dots make tables")
      return nil
    }
    guard let endpoints = servers.read(entry.node, &reader) else { return nil }
    guard !endpoints.isEmpty else {
      reader.reportUnexpected(entry.node, expected: "at least one server")
      return nil
    }
    return ForwardZone(domain: domain, servers: endpoints)
  }
}
