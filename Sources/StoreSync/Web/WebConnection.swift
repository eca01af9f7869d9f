import GitFormat
import HostSystem
import VersionedStore
import Wire

/// One client's connection: its requests, one after the other.
struct WebConnection {
  let socket: PeerSocket
  let input: BufferedInput
  let peer: IPAddress
  let service: WebService
  /// Whether the server is about to end.
  let isEnding: () -> Bool
  /// Told when a request begins and ends.
  let setBusy: (Bool) -> Void

  /// Serves until the client or the server has enough.
  func run() throws(StoreError) {
    while !isEnding() {
      socket.beginHead()
      setBusy(false)
      let head: HTTPRequestHead, isVersion11: Bool
      switch try nextHead() {
      case .head(let next, let is11): (head, isVersion11) = (next, is11)
      case .gone: return
      case .malformed(let error):
        try WebAnswer(error.status, "the request is not HTTP that this server takes").send(to: socket, isLast: true)
        return socket.linger()
      }
      setBusy(true)
      socket.endHead()
      let wantsClose = head.value(of: "connection")?.lowercased().split(separator: ",").contains {
        $0.trimmed == "close"
      }
      let request = WebRequest(
        head: head, isVersion11: isVersion11, isLast: !isVersion11 || wantsClose == true, peer: peer)
      let wait = ClientWait { bell, milliseconds throws(StoreError) in
        // Whoever only waits keeps no server from its end.
        setBusy(false)
        defer { setBusy(true) }
        return isEnding() ? .gone : try socket.waitForEnd(or: bell, milliseconds: milliseconds)
      }
      guard try service.answer(request, input, socket, wait), !request.isLast else { return socket.linger() }
    }
  }

  private enum Next {
    case head(HTTPRequestHead, isVersion11: Bool)
    case malformed(HTTPParseError)
    /// The client has gone.
    case gone
  }

  private func nextHead() throws(StoreError) -> Next {
    var buffer = HTTPMessageBuffer()
    var next: Next?
    while next == nil {
      let isMore = try input.withBuffered { bytes in
        buffer.append(Array(bytes))
        do throws(HTTPParseError) {
          guard let (head, isVersion11) = try buffer.nextRequestHead() else { return bytes.count }
          next = .head(head, isVersion11: isVersion11)
        } catch {
          next = .malformed(error)
        }
        // What follows the head stays for the body.
        return bytes.count - min(bytes.count, buffer.unread.count)
      }
      guard isMore else { return .gone }
    }
    return next ?? .gone
  }
}

extension Substring {
  fileprivate var trimmed: Substring {
    var text = drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}

/// For an answer that goes on as things happen: waits for one of them, or for the client to go.
struct ClientWait {
  enum Outcome { case bell, time, gone }
  /// Given a descriptor that can be read when something has happened, and milliseconds to wait at most.
  let wait: (_ bell: Int32, _ milliseconds: Int64) throws(StoreError) -> Outcome
}

/// A request without its body.
struct WebRequest {
  var head: HTTPRequestHead
  var isVersion11: Bool
  /// Whether the connection ends with the answer.
  var isLast: Bool
  var peer: IPAddress
}

/// A short answer.
struct WebAnswer {
  var status: Int
  var body: [UInt8]
  var fields: [HTTPField]

  /// A sentence.
  init(_ status: Int, _ text: String, _ fields: [HTTPField] = []) {
    self.status = status
    body = Array("\(text)\n".utf8)
    self.fields = fields + [HTTPField("Content-Type", "text/plain; charset=utf-8")]
  }

  /// A value for programs.
  init(_ status: Int, json: some Encodable, _ fields: [HTTPField] = []) throws(StoreError) {
    self.status = status
    do { body = try JSON.encode(json) + [UInt8(ascii: "\n")] } catch { throw .invalid("\(error)") }
    self.fields = fields + [HTTPField("Content-Type", "application/json")]
  }

  func send(to sink: any ByteSink, isLast: Bool, isHidden: Bool = false) throws(StoreError) {
    let head = HTTPResponseHead(
      status: status,
      fields: fields + (fields.value(of: "cache-control") == nil ? [HTTPField("Cache-Control", "no-store")] : [])
        + (isLast ? [HTTPField("Connection", "close")] : []))
    let message = HTTPEncoder.response(head, body: body)
    try sink.write(isHidden ? Array(message.dropLast(body.count)) : message)
  }
}
