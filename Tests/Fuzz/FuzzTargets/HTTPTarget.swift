import Wire

extension FuzzTarget {
  /// The API's messages: where the bytes are cut does not matter, nothing is longer than the limits, and what was read
  /// can be written and read again.
  static let http = FuzzTarget("http") { bytes in
    let whole = requests(in: [bytes])
    let pieces = requests(in: bytes.map { [$0] })
    try promise(whole == pieces, "byte by byte: \(pieces); at once: \(whole)")
    try promise(whole.messages.count <= bytes.count / 16 + 1, "more messages than bytes for them")
    for message in whole.messages {
      try promise(message.body.count <= Exchange.bodyLimit, "a body of \(message.body.count) bytes")
      _ = message.head.path
      _ = message.head.queryValue("network")
      try checkWriting(message)
    }
    var buffer = HTTPMessageBuffer(headLimit: Exchange.headLimit, bodyLimit: Exchange.bodyLimit)
    buffer.append(bytes)
    while let response = try? buffer.nextResponse() {
      try promise((100...999).contains(response.head.status), "status \(response.head.status)")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    try promise(percentDecoded(percentEncoded(text)) == text, "percent encoding changes the text")
  }

  /// What came out of a connection.
  private struct Exchange: Equatable {
    static let headLimit = 1_024
    static let bodyLimit = 256

    var messages: [Message] = []
    var error: HTTPParseError?
  }

  private struct Message: Equatable {
    var head: HTTPRequestHead
    var body: [UInt8]
  }

  private static func requests(in pieces: [[UInt8]]) -> Exchange {
    var buffer = HTTPMessageBuffer(headLimit: Exchange.headLimit, bodyLimit: Exchange.bodyLimit)
    var exchange = Exchange()
    for piece in pieces {
      buffer.append(piece)
      do throws(HTTPParseError) {
        while let (head, body) = try buffer.nextRequest() {
          exchange.messages.append(Message(head: head, body: body))
        }
      } catch {
        exchange.error = error
        return exchange
      }
    }
    return exchange
  }

  private static func checkWriting(_ message: Message) throws {
    var head = message.head
    head.fields.removeAll { $0.name.utf8.map(lowercased) == Array("content-length".utf8) }
    let again = requests(in: [HTTPEncoder.request(head, body: message.body)])
    // The length may be written in more digits than the limit of the head had room for.
    guard again.error != .headTooLarge else { return }
    head.fields.append(HTTPField("Content-Length", "\(message.body.count)"))
    try promise(again.messages == [Message(head: head, body: message.body)], "written and read again: \(again)")
  }
}
