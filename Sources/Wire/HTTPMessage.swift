/// One header field of HTTP (RFC 9110 section 5). Names compare without regard to case.
public struct HTTPField: Sendable, Equatable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// The head of an HTTP/1.1 request (RFC 9112 section 3).
public struct HTTPRequestHead: Sendable, Equatable {
  public var method: String
  /// Path and query as they stand in the request line: `/v1/leases?network=home`.
  public var target: String
  public var fields: [HTTPField]

  public init(method: String, target: String, fields: [HTTPField] = []) {
    self.method = method
    self.target = target
    self.fields = fields
  }

  /// The target up to the query.
  public var path: String { target.firstIndex(of: "?").map { String(target[..<$0]) } ?? target }

  /// The value of a query parameter, percent-decoded; nil where it is absent or badly encoded.
  public func queryValue(_ name: String) -> String? {
    guard let mark = target.firstIndex(of: "?") else { return nil }
    for pair in target[target.index(after: mark)...].split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if percentDecoded(parts[0]) == name { return percentDecoded(parts.count > 1 ? parts[1] : "") }
    }
    return nil
  }

  public func value(of field: String) -> String? { fields.value(of: field) }
}

/// The head of an HTTP/1.1 response (RFC 9112 section 4).
public struct HTTPResponseHead: Sendable, Equatable {
  public var status: Int
  public var fields: [HTTPField]

  public init(status: Int, fields: [HTTPField] = []) {
    self.status = status
    self.fields = fields
  }

  public func value(of field: String) -> String? { fields.value(of: field) }
}

extension [HTTPField] {
  public func value(of name: String) -> String? {
    let wanted = name.utf8.map(lowercased)
    return first { $0.name.utf8.map(lowercased) == wanted }?.value
  }
}

/// Text with `%XX` replaced by the octets they name (RFC 3986 section 2.1); nil where it is malformed or not UTF-8.
public func percentDecoded(_ text: some StringProtocol) -> String? {
  var bytes: [UInt8] = []
  var digits = 0
  for byte in text.utf8 {
    if digits > 0 {
      guard let value = hexadecimalValue(of: byte) else { return nil }
      if digits == 2 { bytes.append(value << 4) } else { bytes[bytes.count - 1] |= value }
      digits -= 1
    } else if byte == UInt8(ascii: "%") {
      digits = 2
    } else {
      bytes.append(byte)
    }
  }
  return digits == 0 ? String(validating: bytes, as: UTF8.self) : nil
}

/// Text with everything but unreserved characters as `%XX` (RFC 3986 section 2.3).
public func percentEncoded(_ text: String) -> String {
  var result = ""
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
      result.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      result += byte < 16 ? "%0" : "%"
      result += String(byte, radix: 16, uppercase: true)
    }
  }
  return result
}
