import Testing
import Wire

@Suite struct HTTPMessageTests {
  private static let request = Array(
    "POST /v1/commit HTTP/1.1\r\nHost: lares\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\n\n".utf8)

  @Test(arguments: [1, 2, 3, 7, 50, 200]) func messagesAreTheSameHoweverTheyAreCut(_ size: Int) throws {
    var buffer = HTTPMessageBuffer()
    var heads: [HTTPRequestHead] = []
    var bodies: [String] = []
    for start in stride(from: 0, to: Self.request.count, by: size) {
      buffer.append(Array(Self.request[start..<min(start + size, Self.request.count)]))
      while let (head, body) = try buffer.nextRequest() {
        heads.append(head)
        bodies.append(String(decoding: body, as: UTF8.self))
      }
    }
    #expect(heads.map(\.method) == ["POST", "GET"] && heads.map(\.target) == ["/v1/commit", "/"])
    #expect(heads.first?.value(of: "host") == "lares" && bodies == ["hello", ""] && buffer.isEmpty)
  }

  /// Each look from the start would be a hundred million bytes.
  @Test(.timeLimit(.minutes(1))) func aHeadThatComesByteByByteIsReadOnce() throws {
    var buffer = HTTPMessageBuffer()
    let head = Array("GET / HTTP/1.1\r\n".utf8) + (0..<2_700).flatMap { _ in Array("X: y\r\n".utf8) }
    for byte in head + Array("\r\n".utf8) {
      #expect(try buffer.nextRequest() == nil)
      buffer.append([byte])
    }
    #expect(try buffer.nextRequest()?.head.fields.count == 2_700)
  }

  @Test func aRefusedMessageStaysRefused() {
    var buffer = HTTPMessageBuffer()
    buffer.append(Array("GET / HTTP/1.1\r\nHost : x\r\nA\u{1}: b\r\n\r\n".utf8))
    for _ in 0..<2 { #expect(throws: HTTPParseError.malformed) { try buffer.nextRequest() } }
    buffer.append(Array("GET / HTTP/1.1\r\n\r\n".utf8))
    #expect(throws: HTTPParseError.malformed) { try buffer.nextRequest() }
  }
}
