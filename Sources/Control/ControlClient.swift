import Glibc
public import HostSystem
import Wire

/// Asks the API over its socket, one request a connection, and waits for the answer. What the CLI uses.
public struct ControlClient: Sendable {
  private let socketPath: String

  public init(folders: Folders) { socketPath = folders.controlSocket }

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
    var unsent = HTTPEncoder.request(
      HTTPRequestHead(method: method, target: target, fields: [HTTPField("Host", "lares")]), body: body)[...]
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
        if (200..<300).contains(head.status) { return body }
        let report = try? JSON.decode(ErrorReport.self, from: body)
        throw ControlError.failed(report?.error ?? "the API answered with status \(head.status)")
      }
      guard !isClosed, Clock.now < deadline else {
        throw ControlError.failed(
          "Lares \(isClosed ? "closed the connection" : "did not answer for 30 s") (\(socketPath))")
      }
      try loop.runOnce(limitMilliseconds: 1_000)
    }
  }

  private func connect(_ loop: EventLoop) throws -> StreamSocket {
    do {
      return try StreamSocket(connectingTo: socketPath, kind: .bytes, loop: loop)
    } catch {
      switch error.code {
      case ENOENT, ECONNREFUSED:
        throw ControlError.failed(
          "Lares is not running here: nothing answers at \(socketPath). Start it with lares run, or name its folder with --run."
        )
      case EACCES: throw ControlError.failed("\(error): be root or the owner of the configuration")
      default: throw error
      }
    }
  }
}
