import HostSystem
import Wire

/// A request with what is known of who asks.
struct APIRequest {
  var head: HTTPRequestHead
  var body: [UInt8]
  /// The user at the other end of the unix socket; nil over TCP.
  var peerUser: UInt32?
  /// When the connection was made.
  var connectionOpened: Instant
}

struct APIResponse {
  var status = 200
  var contentType = "application/json"
  var body: [UInt8] = []
  /// With status 101: the protocol that the connection goes on with, and who takes it over once the answer is sent.
  var upgrade: (protocolName: String, takeOver: (consuming Descriptor) -> Void)?
}

/// Serves HTTP/1.1 on one listener: keep-alive and pipelining, with limits on connections, sizes and idle time.
final class HTTPServer {
  private let listener: StreamListener
  private let loop: EventLoop
  private let handler: (APIRequest) -> APIResponse
  private var connections: [ObjectIdentifier: Connection] = [:]

  private static var connectionLimit: Int { 128 }
  private static var idleMilliseconds: Int64 { 30_000 }
  /// Octets of answers that wait for a client at most before its next request is looked at.
  private static var waitingOutputLimit: Int { 1 << 20 }

  private final class Connection {
    let stream: StreamSocket
    let user: UInt32?
    let opened = Clock.now
    var lastHeard = Clock.now
    var input = HTTPMessageBuffer()
    var output: ArraySlice<UInt8> = []
    var closesAfterOutput = false
    /// Who gets the connection when all is sent.
    var takeOver: ((consuming Descriptor) -> Void)?
    /// Told of the end; such a connection may be silent as long as it likes.
    var onClose: (() -> Void)?

    init(_ stream: StreamSocket, user: UInt32?) {
      self.stream = stream
      self.user = user
    }
  }

  init(_ listener: StreamListener, loop: EventLoop, handler: @escaping (APIRequest) -> APIResponse) {
    self.listener = listener
    self.loop = loop
    self.handler = handler
    listener.onConnection = { [unowned self] in accept($0) }
    scheduleIdleSweep()
  }

  private func accept(_ stream: StreamSocket) {
    guard connections.count < Self.connectionLimit else {
      stream.close()
      return
    }
    take(Connection(stream, user: stream.peerUser))
  }

  /// Serves a connection that this process made itself for somebody, until the other end closes it.
  func serve(_ stream: StreamSocket, for user: UInt32?, onClose: @escaping () -> Void) {
    let connection = Connection(stream, user: user)
    connection.onClose = onClose
    take(connection)
  }

  private func take(_ connection: Connection) {
    connections[ObjectIdentifier(connection)] = connection
    connection.stream.onReadable = { [unowned self, unowned connection] in read(connection) }
    connection.stream.onWritable = { [unowned self, unowned connection] in answer(connection) }
  }

  private func scheduleIdleSweep() {
    loop.schedule(afterMilliseconds: Self.idleMilliseconds / 2) { [weak self] in
      guard let self else { return }
      let oldest = Clock.now.advanced(milliseconds: -Self.idleMilliseconds)
      let idle = connections.values.filter { $0.lastHeard < oldest && $0.onClose == nil }
      for connection in idle { close(connection) }
      scheduleIdleSweep()
    }
  }

  private func close(_ connection: Connection) {
    connection.stream.close()
    connections[ObjectIdentifier(connection)] = nil
    connection.onClose?()
  }

  /// One piece each time, so that nobody who goes on sending keeps the others waiting.
  private func read(_ connection: Connection) {
    switch connection.stream.read(limit: 65_536) {
    case .bytes(let bytes):
      connection.lastHeard = Clock.now
      connection.input.append(bytes)
      answer(connection)
    case .wouldBlock: break
    case .closed: close(connection)
    }
  }

  /// Answers what has come whole, as far as the client takes the answers.
  private func answer(_ connection: Connection) {
    var isBehind = false
    repeat {
      isBehind = !answerWholeRequests(connection)
      guard flush(connection) else { return }
    } while isBehind && connection.output.isEmpty
    connection.stream.wantsReadable = !isBehind && !connection.closesAfterOutput
  }

  /// False where requests may be left because too much waits to be sent.
  private func answerWholeRequests(_ connection: Connection) -> Bool {
    do throws(HTTPParseError) {
      while !connection.closesAfterOutput {
        guard connection.output.count < Self.waitingOutputLimit else { return false }
        guard let (head, body) = try connection.input.nextRequest() else { return true }
        let wantsClose = head.value(of: "connection")?.utf8.map(lowercased) == Array("close".utf8)
        let response = handler(
          APIRequest(
            head: head, body: body, peerUser: connection.user, connectionOpened: connection.opened))
        // Another protocol starts after the answer, so nothing may have come before it.
        guard response.upgrade == nil || connection.input.isEmpty else { throw HTTPParseError.malformed }
        send(response, on: connection, isLast: wantsClose || response.upgrade != nil)
      }
    } catch {
      let body = Array("{\"error\":\"the request is not HTTP that this server takes\"}\n".utf8)
      send(APIResponse(status: error.status, body: body), on: connection, isLast: true)
    }
    return true
  }

  private func send(_ response: APIResponse, on connection: Connection, isLast: Bool) {
    var fields = [HTTPField("Content-Type", response.contentType), HTTPField("Cache-Control", "no-store")]
    if let upgrade = response.upgrade {
      fields = [HTTPField("Connection", "Upgrade"), HTTPField("Upgrade", upgrade.protocolName)]
      connection.takeOver = upgrade.takeOver
    } else if isLast {
      fields.append(HTTPField("Connection", "close"))
    }
    connection.output += HTTPEncoder.response(
      HTTPResponseHead(status: response.status, fields: fields), body: response.body)
    connection.closesAfterOutput = connection.closesAfterOutput || isLast
  }

  /// Sends what fits. False where the connection has ended.
  private func flush(_ connection: Connection) -> Bool {
    while !connection.output.isEmpty {
      guard let count = connection.stream.write(connection.output) else {
        close(connection)
        return false
      }
      if count == 0 { break }
      connection.output = connection.output.dropFirst(count)
    }
    connection.stream.wantsWritable = !connection.output.isEmpty
    guard connection.output.isEmpty, connection.closesAfterOutput else { return true }
    if let takeOver = connection.takeOver, let descriptor = connection.stream.detach() { takeOver(descriptor) }
    close(connection)
    return false
  }
}
