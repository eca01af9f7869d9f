/// What is wrong with an HTTP message, with the status that a server answers.
public enum HTTPParseError: Error, Equatable, Sendable {
  /// 400: not HTTP/1.0 or 1.1, or a malformed line.
  case malformed
  /// 431: the head is longer than the limit.
  case headTooLarge
  /// 413: the body is longer than the limit.
  case bodyTooLarge
  /// 501: a transfer coding other than identity.
  case unsupportedCoding

  public var status: Int {
    switch self {
    case .malformed: 400
    case .headTooLarge: 431
    case .bodyTooLarge: 413
    case .unsupportedCoding: 501
    }
  }
}

extension [HTTPField] {
  fileprivate func count(named name: String) -> Int {
    count { $0.name.utf8.map(lowercased).elementsEqual(name.utf8) }
  }

  /// The value of Content-Length. Two lengths are two messages to two readers (RFC 9112 section 6.3).
  fileprivate func contentLength(_ text: String) throws(HTTPParseError) -> Int {
    guard count(named: "content-length") <= 1, text.utf8.count <= 10, text.utf8.allSatisfy({ $0 &- 48 < 10 }),
      let length = Int(text)
    else { throw .malformed }
    return length
  }
}

/// How the end of a body is known.
public enum HTTPBodyLength: Sendable, Equatable {
  case bytes(Int)
  /// It comes in pieces, see `HTTPChunkReader`.
  case chunked
}

extension HTTPRequestHead {
  /// How long the request's body is (RFC 9112 section 6).
  ///
  /// - Throws: `.malformed` where it has two lengths; `.unsupportedCoding` for another coding than `chunked`.
  public func bodyLength() throws(HTTPParseError) -> HTTPBodyLength {
    switch fields.count(named: "transfer-encoding") {
    case 0: return .bytes(try fields.contentLength(value(of: "content-length") ?? "0"))
    case 1:
      guard fields.count(named: "content-length") == 0 else { throw .malformed }
      guard value(of: "transfer-encoding")?.utf8.map(lowercased).elementsEqual("chunked".utf8) == true else {
        throw .unsupportedCoding
      }
      return .chunked
    default: throw .malformed
    }
  }
}

/// Collects the bytes of a connection into whole messages with a Content-Length, one after the other.
///
/// Chunked requests are refused (501): the API's clients know their bodies' lengths.
public struct HTTPMessageBuffer: Sendable {
  public let headLimit: Int
  public let bodyLimit: Int
  private var bytes: [UInt8] = []
  /// The head as far as it has come, so that no byte is looked at twice however slowly a client sends.
  private var head = Head()

  private struct Head {
    /// Without their ends.
    var lines: [String] = []
    /// Where the next line starts, and how far its end has been looked for.
    var end = 0
    var searched = 0
    /// The empty line has come.
    var isWhole = false
  }

  /// Limits in bytes.
  public init(headLimit: Int = 16_384, bodyLimit: Int = 1 << 20) {
    self.headLimit = headLimit
    self.bodyLimit = bodyLimit
  }

  public var isEmpty: Bool { bytes.isEmpty }

  /// What came behind the messages that were taken, for a connection that goes on with another protocol.
  public var unread: [UInt8] { bytes }

  public mutating func append(_ more: [UInt8]) { bytes += more }

  /// The next whole request; nil until more bytes are there.
  public mutating func nextRequest() throws(HTTPParseError) -> (head: HTTPRequestHead, body: [UInt8])? {
    guard let (request, _) = try requestHead() else { return nil }
    guard let body = try body(length: request.value(of: "content-length") ?? "0", fields: request.fields) else {
      return nil
    }
    return (request, body)
  }

  /// The next request's head alone, for a server that takes bodies of any length as they come: `unread` begins with the
  /// body then, whose length `HTTPRequestHead.bodyLength` says. nil until more bytes are there.
  ///
  /// - Returns: the head, and whether the request is of HTTP/1.1.
  public mutating func nextRequestHead() throws(HTTPParseError) -> (head: HTTPRequestHead, isVersion11: Bool)? {
    guard let (request, version) = try requestHead() else { return nil }
    bytes.removeFirst(head.end)
    head = Head()
    return (request, version == "HTTP/1.1")
  }

  private mutating func requestHead() throws(HTTPParseError) -> (HTTPRequestHead, version: Substring)? {
    guard try readHead() else { return nil }
    let lines = head.lines
    let parts = lines[0].split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, !parts[0].isEmpty, parts[1].hasPrefix("/"), isVersion(parts[2]) else { throw .malformed }
    let fields = try Self.fields(lines.dropFirst())
    return (HTTPRequestHead(method: String(parts[0]), target: String(parts[1]), fields: fields), parts[2])
  }

  /// The next whole response; nil until more bytes are there. A response must have a Content-Length, unless its status
  /// says that it has no body (RFC 9110 section 8.6).
  public mutating func nextResponse() throws(HTTPParseError) -> (head: HTTPResponseHead, body: [UInt8])? {
    guard try readHead() else { return nil }
    let lines = head.lines
    let parts = lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, isVersion(parts[0]), parts[1].utf8.count == 3, let status = Int(parts[1]), status >= 100
    else { throw .malformed }
    let fields = try Self.fields(lines.dropFirst())
    let response = HTTPResponseHead(status: status, fields: fields)
    let hasNoBody = status < 200 || status == 204
    guard let length = response.value(of: "content-length") ?? (hasNoBody ? "0" : nil) else { throw .malformed }
    guard let body = try body(length: length, fields: fields) else { return nil }
    return (response, body)
  }

  private func isVersion(_ text: Substring) -> Bool { text == "HTTP/1.1" || text == "HTTP/1.0" }

  /// Reads on to the head's empty line; false until it is there.
  private mutating func readHead() throws(HTTPParseError) -> Bool {
    let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
    while !head.isWhole, let end = bytes[head.searched...].firstIndex(of: lf) {
      guard end < headLimit else { throw .headTooLarge }
      let line = end > head.end && bytes[end - 1] == cr ? bytes[head.end..<end - 1] : bytes[head.end..<end]
      if line.isEmpty {
        guard !head.lines.isEmpty else { throw .malformed }
        head.isWhole = true
      } else {
        guard let text = String(validating: line, as: UTF8.self), !line.contains(where: { $0 < 32 && $0 != 9 }) else {
          throw .malformed
        }
        head.lines.append(text)
      }
      (head.end, head.searched) = (end + 1, end + 1)
    }
    guard !head.isWhole else { return true }
    head.searched = bytes.count
    if bytes.count > headLimit { throw .headTooLarge }
    return false
  }

  private static func fields(_ lines: ArraySlice<String>) throws(HTTPParseError) -> [HTTPField] {
    var fields: [HTTPField] = []
    for line in lines {
      guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { throw .malformed }
      let name = line[..<colon]
      // White space before the colon smuggles requests past proxies (RFC 9112 section 5.1).
      guard !name.utf8.contains(where: { $0 <= 32 }) else { throw .malformed }
      fields.append(HTTPField(String(name), trimmed(line[line.index(after: colon)...])))
    }
    return fields
  }

  private static func trimmed(_ text: Substring) -> String {
    let isSpace = { (character: Character) in character == " " || character == "\t" }
    var text = text.drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
    return String(text)
  }

  private mutating func body(
    length text: String, fields: [HTTPField]
  ) throws(HTTPParseError) -> [UInt8]? {
    if fields.count(named: "transfer-encoding") > 0 { throw .unsupportedCoding }
    let length = try fields.contentLength(text)
    guard length <= bodyLimit else { throw .bodyTooLarge }
    guard bytes.count - head.end >= length else { return nil }
    let body = Array(bytes[head.end..<head.end + length])
    bytes.removeFirst(head.end + length)
    head = Head()
    return body
  }
}

/// A whole message as bytes, with its Content-Length.
public enum HTTPEncoder {
  public static func request(_ head: HTTPRequestHead, body: [UInt8] = []) -> [UInt8] {
    message("\(head.method) \(head.target) HTTP/1.1\r\n", head.fields + [length(of: body)], body)
  }

  /// A status below 200 has no body and no length (RFC 9110 section 8.6).
  public static func response(_ head: HTTPResponseHead, body: [UInt8] = []) -> [UInt8] {
    let start = "HTTP/1.1 \(head.status) \(reason(head.status))\r\n"
    return head.status < 200
      ? message(start, head.fields, []) : message(start, head.fields + [length(of: body)], body)
  }

  private static func length(of body: [UInt8]) -> HTTPField { HTTPField("Content-Length", String(body.count)) }

  private static func message(_ start: String, _ fields: [HTTPField], _ body: [UInt8]) -> [UInt8] {
    var text = start
    for field in fields { text += "\(field.name): \(field.value)\r\n" }
    return Array((text + "\r\n").utf8) + body
  }

  /// The head alone, for an answer whose body follows in pieces.
  public static func head(_ head: HTTPResponseHead) -> [UInt8] {
    message("HTTP/1.1 \(head.status) \(reason(head.status))\r\n", head.fields, [])
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 100: "Continue"
    case 101: "Switching Protocols"
    case 200: "OK"
    case 204: "No Content"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 409: "Conflict"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    default: "Status"
    }
  }
}
