import HostSystem
import Household

/// Log lines as messages of RFC 5424.
enum Syslog {
  /// Octets of a message that every receiver takes, over IPv4 and IPv6 (RFC 5426 section 3.2: 480 and 1180 at least).
  /// 1180 also fits the smallest link of IPv6, so no datagram is fragmented.
  static let byteLimit = 1_180

  /// Who keeps the names of structured data: the number that stands for an example (RFC 5612), for Lares has none.
  private static let enterprise = "32473"
  private static let facility: UInt8 = 3
  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  /// `<PRI>1 TIMESTAMP HOSTNAME APP-NAME - - [lares@32473 key="value"] BOM message`, at most `byteLimit` octets:
  /// fields that would take more than half of them are left out, and the message is cut.
  ///
  /// - Parameter host: the router's full name, 1 to 255 printable ASCII characters.
  static func message(_ line: LogLine, host: String) -> [UInt8] {
    let priority = facility * 8 + line.level.severity
    let time = TimeText.utc(milliseconds: line.time)
    let head = "<\(priority)>1 \(time) \(host) lares-\(line.daemon) - - "
    let message = Array(head.utf8) + structuredData(line.fields) + [UInt8(ascii: " ")] + byteOrderMark
    return message + cut(replacingControls(line.message), to: byteLimit - message.count)
  }

  /// Section 6.3.
  private static func structuredData(_ fields: [String: String]) -> [UInt8] {
    var data = Array("[lares@\(enterprise)".utf8)
    var names: Set<[UInt8]> = []
    for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
      let name = parameterName(key)
      let parameter = [UInt8(ascii: " ")] + name + Array("=\"".utf8) + escaped(value) + [UInt8(ascii: "\"")]
      guard data.count + parameter.count < byteLimit / 2, names.insert(name).inserted else { continue }
      data += parameter
    }
    return names.isEmpty ? [UInt8(ascii: "-")] : data + [UInt8(ascii: "]")]
  }

  /// SD-NAME: 1 to 32 printable ASCII characters but `=`, space, `]` and `"`; others become `_`.
  private static func parameterName(_ key: String) -> [UInt8] {
    let name = key.utf8.prefix(32).map { byte in
      (33...126).contains(byte) && !"=]\"".utf8.contains(byte) ? byte : UInt8(ascii: "_")
    }
    return name.isEmpty ? [UInt8(ascii: "_")] : name
  }

  /// PARAM-VALUE: a backslash stands before `"`, `\` and `]`.
  private static func escaped(_ value: String) -> [UInt8] {
    replacingControls(value).flatMap { byte in
      "\"\\]".utf8.contains(byte) ? [UInt8(ascii: "\\"), byte] : [byte]
    }
  }

  /// Control characters as `#` and three octal digits (section 8.2), so that no receiver takes one message for two.
  private static func replacingControls(_ text: String) -> [UInt8] {
    text.utf8.flatMap { byte -> [UInt8] in
      guard byte < 32 || byte == 127 else { return [byte] }
      return [UInt8(ascii: "#"), 48 + byte >> 6, 48 + byte >> 3 & 7, 48 + byte & 7]
    }
  }

  /// The longest beginning of UTF-8 that has at most `count` bytes and no part of a character.
  private static func cut(_ bytes: [UInt8], to count: Int) -> ArraySlice<UInt8> {
    guard bytes.count > count else { return bytes[...] }
    var end = max(0, count)
    while end > 0, bytes[end] & 0xc0 == 0x80 { end -= 1 }
    return bytes[..<end]
  }
}
