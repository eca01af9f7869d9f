import Glibc
import HostSystem
import Synchronization
import VersionedStore

@testable import StoreSync

/// A web server with one repository, for as long as it lives: a thread a connection, one request each.
final class WebServer: Sendable {
  let port: UInt16
  var url: String { "http://127.0.0.1:\(port)/store.git" }
  private let listening: Int32
  private let work: Work

  private struct Work: Sendable {
    var backend: any Backend
    var policy: ServerPolicy
    /// `user:password` in base 64, which each request has to have.
    var authorization: String?
  }

  init(_ backend: any Backend, _ policy: ServerPolicy = .test, authorization: String? = nil) throws {
    work = Work(backend: backend, policy: policy, authorization: authorization)
    listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = listening
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, size) == 0 && listen(number, 16) == 0 && getsockname(number, $0, &size) == 0
      }
    }
    guard bound else { throw SystemError("listening") }
    port = UInt16(bigEndian: address.sin_port)
    let work = work
    _ = try Thread {
      while true {
        let connection = accept(number, nil, nil)
        guard connection >= 0 else { return }
        _ = try? Thread { Self.serve(connection, work) }
      }
    }
  }

  deinit { shutdown(listening, Int32(SHUT_RDWR)) }

  private static func serve(_ number: Int32, _ work: Work) {
    let stream = DescriptorStream(socket: Descriptor(owning: number), idleSeconds: 30)
    defer { stream.close() }
    do { try answer(stream, work) } catch {}
  }

  private static func answer(_ stream: DescriptorStream, _ work: Work) throws {
    let input = BufferedInput(stream)
    func line() throws -> String? {
      try input.line(limit: 8_192).map { String(decoding: $0.last == 13 ? $0.dropLast() : $0[...], as: UTF8.self) }
    }
    guard let first = try line()?.split(separator: " "), first.count == 3 else { return }
    var fields: [String: String] = [:]
    while let line = try line(), !line.isEmpty, let colon = line.firstIndex(of: ":") {
      fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    if let wanted = work.authorization, fields["authorization"] != "Basic \(wanted)" {
      let head =
        "HTTP/1.1 401 no\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
      return try stream.write(Array(head.utf8))
    }
    let target = first[1].split(separator: "?", maxSplits: 1)
    guard target[0].hasPrefix("/store.git/") else {
      let place = first[1].hasPrefix("/moved/") ? "Location: /store.git/\(first[1].dropFirst(7))\r\n" : ""
      let status = place.isEmpty ? "404 no" : "302 elsewhere"
      return try stream.write(
        Array("HTTP/1.1 \(status)\r\n\(place)Content-Length: 0\r\nConnection: close\r\n\r\n".utf8))
    }
    let body = Body(
      input, length: fields["content-length"].flatMap { Int($0) }, isChunked: fields["transfer-encoding"] == "chunked")
    let request = SmartHTTPRequest(
      method: String(first[0]), path: String(target[0].dropFirst("/store.git/".count)),
      query: target.count > 1 ? String(target[1]) : "", field: { fields[$0] }, body: body)
    try SmartHTTP.respond(to: request, work.backend, work.policy) { (head) throws(StoreError) in
      var text = "HTTP/1.1 \(head.status) answer\r\nConnection: close\r\n"
      for field in head.fields { text += "\(field.name): \(field.value)\r\n" }
      try stream.write(Array((text + "\r\n").utf8))
      return stream
    }
  }

  private final class Body: ByteSource {
    private let input: BufferedInput
    private var left: Int
    private let isChunked: Bool

    init(_ input: BufferedInput, length: Int?, isChunked: Bool) {
      self.input = input
      left = length ?? 0
      self.isChunked = isChunked
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
      if left == 0, isChunked {
        var line = try input.line(limit: 100) ?? []
        if line == [13] { line = try input.line(limit: 100) ?? [] }
        left = Int(String(decoding: line.prefix { $0 != 13 && $0 != UInt8(ascii: ";") }, as: UTF8.self), radix: 16) ?? 0
      }
      guard left > 0 else { return 0 }
      let count = try input.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(left, buffer.count)]))
      left -= count
      return count
    }
  }
}
