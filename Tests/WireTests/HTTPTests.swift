import TestSupport
import Testing
import Wire

/// RFC 9112, as far as the API's server and client need it.
@Suite struct HTTPTests {
  private func buffer(_ text: String, headLimit: Int = 16_384, bodyLimit: Int = 1 << 20) -> HTTPMessageBuffer {
    var buffer = HTTPMessageBuffer(headLimit: headLimit, bodyLimit: bodyLimit)
    buffer.append(Array(text.utf8))
    return buffer
  }

  @Test func requestWithBodyThenNextOne() throws {
    var buffer = buffer(
      "PUT /v1/x?a=1%202 HTTP/1.1\r\nHost: lares\r\ncontent-LENGTH: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n")
    let first = try #require(try buffer.nextRequest())
    #expect(first.head.method == "PUT")
    #expect(first.head.path == "/v1/x")
    #expect(first.head.queryValue("a") == "1 2")
    #expect(first.head.value(of: "HOST") == "lares")
    #expect(first.body == Array("abc".utf8))
    #expect(try buffer.nextRequest()?.head.target == "/")
    #expect(try buffer.nextRequest() == nil)
    #expect(buffer.isEmpty)
  }

  @Test func everyPrefixWaitsForMore() throws {
    let text = Array("POST /v1 HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody".utf8)
    for cut in 0..<text.count {
      var buffer = HTTPMessageBuffer()
      buffer.append(Array(text[..<cut]))
      #expect(try buffer.nextRequest() == nil, "\(cut) bytes")
      buffer.append(Array(text[cut...]))
      #expect(try buffer.nextRequest()?.body == Array("body".utf8))
    }
  }

  @Test(arguments: [
    ("GET /\r\n\r\n", HTTPParseError.malformed), ("GET / HTTP/2.0\r\n\r\n", .malformed),
    ("GET  / HTTP/1.1\r\n\r\n", .malformed), ("\r\n\r\n", .malformed), ("GET x HTTP/1.1\r\n\r\n", .malformed),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", .malformed), ("GET / HTTP/1.1\r\n: a\r\n\r\n", .malformed),
    ("GET / HTTP/1.1\r\nA\r\n\r\n", .malformed), ("GET / HTTP/1.1\r\nA: \u{0}\r\n\r\n", .malformed),
    ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", .malformed),
    ("GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", .malformed),
    ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .malformed),
    ("GET / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n", .bodyTooLarge),
    ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", .unsupportedCoding),
  ])
  func refused(text: String, error: HTTPParseError) {
    var buffer = buffer(text)
    #expect(throws: error) { try buffer.nextRequest() }
  }

  @Test func headsHaveALimit() {
    var buffer = buffer("GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 100))", headLimit: 64)
    #expect(throws: HTTPParseError.headTooLarge) { try buffer.nextRequest() }
  }

  @Test func responsesComeBackAsSent() throws {
    let head = HTTPResponseHead(status: 409, fields: [HTTPField("Content-Type", "application/json")])
    var buffer = HTTPMessageBuffer()
    buffer.append(HTTPEncoder.response(head, body: [1, 2, 3]))
    let answer = try #require(try buffer.nextResponse())
    #expect(answer.head.status == 409)
    #expect(answer.head.value(of: "content-type") == "application/json")
    #expect(answer.body == [1, 2, 3])
  }

  /// RFC 9110 section 15.2.2: the new protocol starts after the empty line.
  @Test func anUpgradeHasNoBodyAndLeavesWhatFollows() throws {
    let bytes = HTTPEncoder.response(HTTPResponseHead(status: 101, fields: [HTTPField("Upgrade", "git")]))
    #expect(String(decoding: bytes, as: UTF8.self) == "HTTP/1.1 101 Switching Protocols\r\nUpgrade: git\r\n\r\n")
    var input = HTTPMessageBuffer()
    input.append(bytes + Array("000eversion 2\n".utf8))
    let answer = try input.nextResponse()
    #expect(answer?.head.status == 101 && answer?.body == [])
    #expect(input.unread == Array("000eversion 2\n".utf8))
  }

  @Test(arguments: ["", "a b", "größe/100%", "network.\"x y\""]) func percentEncodingComesBack(text: String) {
    #expect(percentDecoded(percentEncoded(text)) == text)
    #expect(percentEncoded(text).utf8.allSatisfy { $0 > 32 && $0 < 127 })
  }

  @Test(arguments: ["%", "%4", "%zz", "%ff"]) func percentDecodingRefuses(text: String) {
    #expect(percentDecoded(text) == nil)
  }

  /// Damaged bytes are refused or wait for more; they never trap, and never yield more than was sent.
  @Test func damagedBytes() {
    let seed = Array("PATCH /v1/a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello".utf8)
    var generator = SeededGenerator(77)
    for _ in 0..<5_000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      var buffer = HTTPMessageBuffer()
      buffer.append(bytes)
      while let (head, body) = try? buffer.nextRequest() {
        #expect(head.target.utf8.count + body.count < bytes.count)
        _ = head.queryValue("c")
      }
    }
  }

}
