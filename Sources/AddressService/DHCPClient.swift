import Household
import Wire

/// How a client is told from others: its client identifier where it sends one, else its hardware address
/// (RFC 2131 section 4.2).
enum DHCPClientKey: Hashable, Sendable {
  case identifier([UInt8])
  case hardware(MACAddress)
}

/// Who sent a message.
struct DHCPClient: Sendable {
  var key: DHCPClientKey
  var hardware: MACAddress
  /// Option 61.
  var identifier: [UInt8]?
  /// The first label of option 81, or option 12.
  var hostName: String?
  /// The device of the household that this is.
  var device: String?

  init(_ message: borrowing DHCPv4View, _ configuration: DHCPConfiguration) {
    hardware = message.header.hardware
    identifier = message.clientIdentifier
    key = identifier.map { .identifier($0) } ?? .hardware(hardware)
    hostName = Self.hostName(in: message)
    device = configuration.device(hardware: hardware, identifier: identifier)
  }

  private static func hostName(in message: borrowing DHCPv4View) -> String? {
    let name = message.option(.clientFQDN).flatMap { DHCPv4ClientFQDN($0)?.firstLabel } ?? message.text(.hostName)
    // Anything else has no place in a name, and would travel into tables, logs and terminals.
    guard let name, name.unicodeScalars.allSatisfy({ (0x20...0x7e).contains($0.value) }) else { return nil }
    return name
  }
}

extension Lease {
  var key: DHCPClientKey {
    clientIdentifier.flatMap(bytes(hexadecimal:)).map { .identifier($0) } ?? .hardware(hardware)
  }

  /// Whether the client may use the address now.
  func isActive(at now: UnixTime) -> Bool { state == .active && expires > now }

  func belongs(to client: DHCPClient) -> Bool {
    state != .declined && (key == client.key || (device != nil && device == client.device))
  }
}

/// `0102ab`.
func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
    for (index, byte) in bytes.enumerated() {
      buffer[index * 2] = digits[Int(byte >> 4)]
      buffer[index * 2 + 1] = digits[Int(byte & 15)]
    }
    return bytes.count * 2
  }
}

/// Nil where the text is not pairs of hexadecimal digits.
func bytes(hexadecimal text: String) -> [UInt8]? {
  var bytes: [UInt8] = []
  var high: UInt8? = nil
  for character in text.utf8 {
    guard let digit = Character(Unicode.Scalar(character)).hexDigitValue.map(UInt8.init) else { return nil }
    if let value = high {
      bytes.append(value << 4 | digit)
      high = nil
    } else {
      high = digit
    }
  }
  return high == nil ? bytes : nil
}
