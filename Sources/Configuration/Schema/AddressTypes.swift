import Household
import Wire

// Types of single values that are addresses, names and ports.

extension ValueType where Value: LosslessStringConvertible & Sendable {
  /// A value in the one text form that its type has.
  static func lossless(_ typeName: String, expected: String) -> ValueType {
    .text(
      typeName, expected: expected,
      parse: { text throws(Refusal) in
        guard let value = Value(text) else { throw Refusal() }
        return value
      }, print: { $0.description })
  }
}

extension ValueType where Value == IPAddress {
  static let address = ValueType.lossless("address", expected: "an address such as \"192.168.77.10\" or \"fd00::10\"")
}

extension ValueType where Value == MACAddress {
  static let hardware = ValueType.text(
    "hardware address", expected: "a hardware address such as \"02:00:00:00:00:10\"",
    parse: { text throws(Refusal) in
      guard let address = MACAddress(text) else { throw Refusal() }
      guard !address.isGroup, address.value != 0 else {
        throw Refusal(hint: "\(text) is not the address of one interface")
      }
      return address
    }, print: { $0.description })
}

extension ValueType where Value == InterfaceAddress {
  /// `192.168.77.1/24`: the length of the network must stand there.
  static let interfaceAddress = ValueType.text(
    "address/length", expected: "an address with the length of its network, such as \"192.168.77.1/24\"",
    parse: { text throws(Refusal) in
      guard let address = InterfaceAddress(text) else { throw Refusal() }
      guard text.utf8.contains(UInt8(ascii: "/")) else {
        throw Refusal(hint: "add the length: \"\(text)/\(address.address.family == .v4 ? 24 : 64)\"")
      }
      return address
    }, print: { $0.description })
}

extension ValueType where Value == IPPrefix {
  static let prefix = ValueType.text(
    "prefix", expected: "a prefix such as \"198.51.100.0/24\", or one address",
    parse: { text throws(Refusal) in try parsePrefix(text) }, print: { $0.description })
}

private func parsePrefix(_ text: String) throws(Refusal) -> IPPrefix {
  if let prefix = IPPrefix(text) { return prefix }
  guard let address = InterfaceAddress(text) else { throw Refusal() }
  throw Refusal(hint: "the prefix that holds this address is \"\(address.prefix)\"")
}

extension ValueType where Value == DomainName {
  static let domain = ValueType.text(
    "domain name", expected: "a domain name such as \"home.arpa\"",
    parse: { text throws(Refusal) in try parseDomain(text) }, print: { $0.description })
}

/// A name of RFC 1123 labels; underscores may stand in all but the last, as they do in service names.
private func parseDomain(_ text: String) throws(Refusal) -> DomainName {
  let labels = (text.hasSuffix(".") ? text.dropLast() : text[...]).split(
    separator: ".", omittingEmptySubsequences: false)
  guard let last = labels.last, isHostLabel(last),
    labels.allSatisfy({ isHostLabel(String($0.filter { $0 != "_" })) }), let name = DomainName(text)
  else { throw Refusal(hint: text.hasPrefix("*") ? "a name holds for everything below it; leave out \"*.\"" : nil) }
  return name
}

extension ValueType where Value == SocketAddress {
  /// An address with a port, which may be left out where there is a default.
  static func endpoint(defaultPort: UInt16?, later: [String] = []) -> ValueType {
    .text(
      "address:port",
      expected: defaultPort == nil
        ? "an address with a port, such as \"192.168.77.1:9100\""
        : "an address, with a port where it is not \(defaultPort ?? 0)",
      parse: { text throws(Refusal) in
        for word in later where text == word || (word.hasSuffix("//") && text.hasPrefix(word)) {
          throw Refusal(
            problem: "\(TOMLValue.quoted(word)) arrives in a later version", hint: "give an address for now")
        }
        guard let endpoint = parseEndpoint(text, defaultPort: defaultPort) else { throw Refusal() }
        return endpoint
      },
      print: { $0.port == defaultPort ? $0.address.description : $0.description })
  }
}

/// `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1`, `[2001:db8::1]:53`.
private func parseEndpoint(_ text: String, defaultPort: UInt16?) -> SocketAddress? {
  if let address = IPAddress(text) { return defaultPort.map { SocketAddress(address, port: $0) } }
  guard let colon = text.lastIndex(of: ":"), let port = portNumber(text[text.index(after: colon)...]) else {
    return nil
  }
  var host = text[..<colon]
  let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
  if isBracketed { host = host.dropFirst().dropLast() }
  guard let address = IPAddress(String(host)), isBracketed == (address.family == .v6) else { return nil }
  return SocketAddress(address, port: port)
}

/// A port in decimal, 1 to 65535, without a sign or leading zero.
func portNumber(_ text: some StringProtocol) -> UInt16? {
  guard text.utf8.allSatisfy({ $0 &- 48 < 10 }), text.utf8.first != 48, let port = UInt16(text) else { return nil }
  return port
}

extension ValueType where Value == ClosedRange<IPv4Address> {
  static let pool = ValueType.text(
    "address range", expected: "first and last address, such as \"192.168.77.100-192.168.77.199\"",
    parse: { text throws(Refusal) in
      let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
      guard ends.count == 2, let first = IPv4Address(ends[0]), let last = IPv4Address(ends[1]) else { throw Refusal() }
      guard first <= last else { throw Refusal(hint: "the lower address comes first") }
      return first...last
    }, print: { "\($0.lowerBound)-\($0.upperBound)" })
}

extension ValueType where Value == ClosedRange<UInt16> {
  private static let expectedPorts = "a port from 1 to 65535, or a range such as \"8000-8010\""

  /// `8080`, or `"8000-8010"`.
  static let ports = ValueType(
    "port or range", expected: expectedPorts, form: .text,
    read: { node, reader in
      switch node.content {
      case .scalar(.integer(let number)):
        if let port = UInt16(exactly: number), port > 0 { return port...port }
      case .scalar(.string(let text)):
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        if ends.count <= 2, let first = ends.first.flatMap(portNumber), let last = ends.last.flatMap(portNumber) {
          guard first <= last else {
            reader.reportUnexpected(node, expected: expectedPorts, hint: "the lower port comes first")
            return nil
          }
          return first...last
        }
      default: break
      }
      reader.reportUnexpected(node, expected: expectedPorts)
      return nil
    },
    write: { $0.count == 1 ? .integer(Int64($0.lowerBound)) : .string("\($0.lowerBound)-\($0.upperBound)") })
}

extension ValueType where Value == AddressSource {
  /// A prefix, or `@list`.
  static let source = ValueType.text(
    "source", expected: "\"internet\", a prefix such as \"198.51.100.0/24\", or an address list such as \"@office\"",
    parse: { text throws(Refusal) in
      guard text.hasPrefix("@") else { return .prefix(try parsePrefix(text)) }
      guard isHostLabel(text.dropFirst()) else { throw Refusal() }
      return .list(String(text.dropFirst()))
    },
    print: { source in
      switch source {
      case .prefix(let prefix): prefix.description
      case .list(let name): "@\(name)"
      }
    })
}

extension ValueType where Value == [AddressSource] {
  /// `"internet"` for everybody, or one or more sources.
  static let sources: ValueType = {
    let some = ValueType<AddressSource>.source.oneOrMore("these")
    return ValueType(
      "\"internet\", prefix, @list, or list", expected: some.node.expected, form: some.node.form,
      read: { node, reader in
        if case .scalar(.string("internet")) = node.content { return [] }
        guard let sources = some.read(node, &reader) else { return nil }
        guard !sources.isEmpty else {
          reader.reportUnexpected(node, expected: some.node.expected, hint: "\"internet\" means everybody")
          return nil
        }
        return sources
      },
      write: { $0.isEmpty ? .string("internet") : some.write($0) })
  }()
}

/// `nas:80`, or `nas`: where a forward ends.
struct ForwardTarget: Sendable, Equatable {
  var device: String
  /// Nil: the same port as outside.
  var port: UInt16?
}

extension ValueType where Value == ForwardTarget {
  static let target = ValueType.text(
    "device:port", expected: "a device and its port, such as \"nas:80\"",
    parse: { text throws(Refusal) in
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2, let device = parts.first else { throw Refusal() }
      guard isHostLabel(device) else {
        let isAddress = IPAddress(String(device)) != nil || IPAddress(text) != nil
        throw Refusal(hint: isAddress ? "give the device a name with [device.NAME], and write the name here" : nil)
      }
      guard parts.count == 2 else { return ForwardTarget(device: String(device), port: nil) }
      guard let port = portNumber(parts[1]) else { throw Refusal() }
      return ForwardTarget(device: String(device), port: port)
    }, print: { target in target.port.map { "\(target.device):\($0)" } ?? target.device })
}
