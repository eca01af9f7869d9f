import Glibc
public import HostSystem
import Wire

/// Asks the API, and waits for the answer: over its socket, one request a connection, as the CLI does; or over a connection
/// that somebody else has made.
public struct ControlClient: Sendable {
  private enum Way: Sendable {
    case socket(path: String)
    case connection(Int32)
  }

  private let way: Way

  public init(folders: Folders) { way = .socket(path: folders.controlSocket) }

  /// Uses a connected, non-blocking socket that stays open as long as this is used.
  public init(connection descriptor: Int32) { way = .connection(descriptor) }

  /// - Throws: `ControlError.failed` with the API's own sentence, or one that says that nothing answers.
  public func get<Answer: Decodable>(_ target: String, as _: Answer.Type = Answer.self) throws -> Answer {
    try JSON.decode(Answer.self, from: exchange("GET", target, body: []))
  }

  public func send<Answer: Decodable>(
    _ method: String, _ target: String, _ body: some Encodable, as _: Answer.Type = Answer.self
  ) throws -> Answer {
    try JSON.decode(Answer.self, from: exchange(method, target, body: JSON.encode(body)))
  }

  /// The bytes of a successful answer.
  public func exchange(_ method: String, _ target: String, body: [UInt8]) throws -> [UInt8] {
    let loop = try EventLoop()
    let stream = try connect(loop)
    defer { stream.close() }
    let head = HTTPRequestHead(method: method, target: target, fields: [HTTPField("Host", "lares")])
    return try Self.exchange(head, body, on: stream, loop).body
  }

  /// Turns a connection into one with Git's service for the configuration.
  ///
  /// - Parameters:
  ///   - service: `upload-pack` or `receive-pack`.
  ///   - parameters: what the client asked for in GIT_PROTOCOL.
  public func openStore(_ service: String, parameters: String?) throws -> GitConnection {
    let loop = try EventLoop()
    let stream = try connect(loop)
    var fields = [HTTPField("Host", "lares"), HTTPField("Connection", "Upgrade"), HTTPField("Upgrade", "git")]
    if let parameters { fields.append(HTTPField("Git-Protocol", parameters)) }
    let head = HTTPRequestHead(method: "POST", target: "/v1/git/config/\(service)", fields: fields)
    let answer = try Self.exchange(head, [], on: stream, loop)
    guard answer.status == 101, let descriptor = stream.detach() else {
      throw ControlError.failed("the API did not open the store (status \(answer.status))")
    }
    return GitConnection(received: answer.unread, descriptor: descriptor)
  }

  private static func exchange(
    _ head: HTTPRequestHead, _ body: [UInt8], on stream: StreamSocket, _ loop: EventLoop
  ) throws -> (status: Int, body: [UInt8], unread: [UInt8]) {
    var unsent = HTTPEncoder.request(head, body: body)[...]
    var input = HTTPMessageBuffer(bodyLimit: 1 << 30)
    let deadline = Clock.now.advanced(milliseconds: 30_000)
    var isClosed = false
    stream.wantsWritable = true
    stream.onWritable = {
      unsent = unsent.dropFirst(stream.write(unsent) ?? 0)
      if unsent.isEmpty { stream.wantsWritable = false }
    }
    stream.onReadable = {
      switch stream.read(limit: 1 << 20) {
      case .bytes(let bytes): input.append(bytes)
      case .wouldBlock: break
      case .closed: isClosed = true
      }
    }
    while true {
      if let (head, body) = try input.nextResponse() {
        if head.status == 101 || (200..<300).contains(head.status) { return (head.status, body, input.unread) }
        let report = try? JSON.decode(ErrorReport.self, from: body)
        throw ControlError.failed(report?.error ?? "the API answered with status \(head.status)")
      }
      guard !isClosed, Clock.now < deadline else {
        throw ControlError.failed("Lares \(isClosed ? "closed the connection" : "did not answer for 30 s")")
      }
      try loop.runOnce(limitMilliseconds: 1_000)
    }
  }

  private func connect(_ loop: EventLoop) throws -> StreamSocket {
    switch way {
    case .socket(let path): return try Self.connect(to: path, loop)
    case .connection(let number):
      // A copy, for every exchange closes what it has used.
      let copy = try systemCall("copying a descriptor") { fcntl(number, F_DUPFD_CLOEXEC, 0) }
      return try StreamSocket(Descriptor(owning: copy), loop: loop)
    }
  }

  private static func connect(to path: String, _ loop: EventLoop) throws -> StreamSocket {
    do {
      return try StreamSocket(connectingTo: path, kind: .bytes, loop: loop)
    } catch {
      switch error.code {
      case ENOENT, ECONNREFUSED:
        throw ControlError.failed(
          "Lares is not running here: nothing answers at \(path). Start it with lares run, or name its folder with --run."
        )
      case EACCES: throw ControlError.failed("\(error): be root or the owner of the configuration")
      default: throw error
      }
    }
  }
}

/// A connection to a Git service of control's, non-blocking.
public struct GitConnection: ~Copyable {
  /// What came over it already.
  public let received: [UInt8]
  let descriptor: Descriptor

  /// The connection itself.
  public consuming func take() -> Descriptor { descriptor }
}
