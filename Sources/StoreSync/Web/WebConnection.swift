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
      guard try service.answer(request, input, socket), !request.isLast else { return socket.linger() }
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
  var text: String
  var fields: [HTTPField]

  init(_ status: Int, _ text: String, _ fields: [HTTPField] = []) {
    self.status = status
    self.text = text
    self.fields = fields
  }

  func send(to sink: any ByteSink, isLast: Bool, isHidden: Bool = false) throws(StoreError) {
    let head = HTTPResponseHead(
      status: status,
      fields: [HTTPField("Content-Type", "text/plain; charset=utf-8"), HTTPField("Cache-Control", "no-store")] + fields
        + (isLast ? [HTTPField("Connection", "close")] : []))
    let message = HTTPEncoder.response(head, body: Array("\(text)\n".utf8))
    try sink.write(isHidden ? Array(message.dropLast(text.utf8.count + 1)) : message)
  }
}
