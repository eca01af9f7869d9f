import Testing

@testable import Wire

@Suite struct HTTPChunkTests {
  /// What a reader makes of a body that comes in pieces.
  private func read(_ body: [UInt8], pieces: Int) throws -> (data: [UInt8], rest: [UInt8]?) {
    var reader = HTTPChunkReader()
    var data: [UInt8] = []
    var offset = 0
    while offset < body.count {
      let piece = Array(body[offset..<min(offset + pieces, body.count)])
      switch try reader.next(in: piece.span.bytes) {
      case .more: offset += piece.count
      case .data(let range):
        data += piece[range]
        offset += range.upperBound
      case .end(let end): return (data, Array(body[(offset + end)...]))
      }
    }
    return (data, nil)
  }

  @Test(arguments: [1, 2, 3, 7, 1_000])
  func aBodyComesInPiecesOfAnyLength(_ pieces: Int) throws {
    let body = Array("5\r\nhello\r\n1A;name=value\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: x\r\n\r\nGET".utf8)
    let (data, rest) = try read(body, pieces: pieces)
    #expect(data == Array("helloabcdefghijklmnopqrstuvwxyz".utf8))
    #expect(rest == Array("GET".utf8))
  }

  @Test func whatIsCutOffHasNoEnd() throws {
    let body = Array("5\r\nhello\r\n0\r\n\r\n".utf8)
    for count in 0..<body.count { #expect(try read(Array(body[..<count]), pieces: 4).rest == nil) }
    #expect(try read(body, pieces: 4).rest == [])
  }

  @Test(arguments: [
    "\r\n", "x\r\n", "5\rx\nhello", "5;a\rb\n", "5 \r\nhello", "-1\r\n", "5 hello", "5\r\nhelloX\r\n",
    "5\r\nhello\r\r\n", "1000000000000000\r\n", " 5\r\nhello\r\n", "5\r\nhello0\r\n\r\n",
  ])
  func whatIsNotCodedSoIsRefused(_ text: String) {
    #expect(throws: HTTPParseError.self) { try read(Array(text.utf8), pieces: 3) }
  }

  @Test func linesAndTrailersAreBounded() {
    #expect(throws: HTTPParseError.self) {
      try read(Array("5;\(String(repeating: "x", count: 9_000))\r\n".utf8), pieces: 100)
    }
    #expect(throws: HTTPParseError.self) {
      try read(Array("0\r\n\(String(repeating: "a: b\r\n", count: 2_000))\r\n".utf8), pieces: 100)
    }
  }

  @Test(arguments: [
    ("Content-Length: 5", HTTPBodyLength.bytes(5)), ("Transfer-Encoding: Chunked", .chunked), ("X: y", .bytes(0)),
  ])
  func theLengthOfABodyIsKnown(_ field: String, _ length: HTTPBodyLength) throws {
    var buffer = HTTPMessageBuffer()
    buffer.append(Array("POST / HTTP/1.0\r\n\(field)\r\n\r\nrest".utf8))
    let (head, isVersion11) = try #require(try buffer.nextRequestHead())
    #expect(try head.bodyLength() == length)
    #expect(!isVersion11)
    #expect(buffer.unread == Array("rest".utf8))
  }

  @Test(arguments: [
    ("Content-Length: 5\r\nContent-Length: 5", HTTPParseError.malformed), ("Content-Length: -5", .malformed),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", .malformed),
    ("Transfer-Encoding: gzip, chunked", .unsupportedCoding),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .malformed),
  ])
  func aBodyOfTwoLengthsIsRefused(_ fields: String, _ error: HTTPParseError) throws {
    var buffer = HTTPMessageBuffer()
    buffer.append(Array("POST / HTTP/1.1\r\n\(fields)\r\n\r\n".utf8))
    let (head, _) = try #require(try buffer.nextRequestHead())
    #expect(throws: error) { try head.bodyLength() }
  }
}
