import GitFormat
import Glibc
import HostSystem
import VersionedStore
import Wire

/// Answers requests: who asks, for which repository, and Git's protocol behind that.
struct WebService: Sendable {
  let repositories: ServedRepositories
  /// nil: nobody can log in.
  let passwords: CachedFile<PasswordFile>?
  let gate: PasswordGate
  /// Told what somebody should know of who runs the server.
  let log: @Sendable (String) -> Void

  /// What is read of a body that nobody wants, so that the connection can go on.
  private static let drainLimit = 65_536

  /// Answers one request.
  ///
  /// - Returns: whether another can follow on the connection.
  func answer(
    _ request: WebRequest, _ input: BufferedInput, _ output: any ByteSink, _ wait: ClientWait
  ) throws(StoreError) -> Bool {
    let length: HTTPBodyLength
    do { length = try request.head.bodyLength() } catch {
      return try refuse(WebAnswer(error.status, "the request is not HTTP that this server takes"), request, output)
    }
    let expected = request.head.value(of: "expect")
    guard expected == nil || expected?.lowercased() == "100-continue" else {
      return try refuse(WebAnswer(417, "nothing but 100-continue can be expected here"), request, output)
    }
    let waits = expected != nil && request.isVersion11
    let proceed = { () throws(StoreError) in try output.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
    let body = WebRequestBody(input, length, onAsking: waits ? proceed : nil)
    // A short body is read in any case; a long one only when all is well.
    let isShort = if case .bytes(let count) = length { count <= Self.drainLimit } else { false }
    switch find(request) {
    case .refused(let answer):
      if isShort && body.isOnItsWay { try drain(body) }
      return try refuse(answer, request, output, canGoOn: body.isAtEnd)
    case .found(.git(let target), let served):
      try respond(request, target, body, served.backend, served.policy, output)
      if body.isOnItsWay { try drain(body) }
      return body.isAtEnd
    case .found(.values(let target), let served):
      let service = ValueService(served, target, request)
      let answer: ValueService.Answer
      do throws(ValueRefusal) { answer = try service.answer(body) } catch {
        if let cause = error.cause { log("\(target.repository), \(served.policy.person.name): \(cause)") }
        if isShort && body.isOnItsWay { try drain(body) }
        return try refuse(error.answer, request, output, canGoOn: body.isAtEnd)
      }
      if body.isOnItsWay { try drain(body) }
      let isLast = request.isLast || !body.isAtEnd
      return try send(answer, request, isLast: isLast, to: output, wait) { isStillServed(target.repository, served) }
    }
  }

  private func refuse(
    _ answer: WebAnswer, _ request: WebRequest, _ output: any ByteSink, canGoOn: Bool = false
  ) throws(StoreError) -> Bool {
    let isLast = request.isLast || !canGoOn
    try answer.send(to: output, isLast: isLast, isHidden: request.head.method == "HEAD")
    return !isLast
  }

  private func drain(_ body: WebRequestBody) throws(StoreError) {
    var left = Self.drainLimit
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
    defer { buffer.deallocate() }
    while left > 0, !body.isAtEnd { left -= try body.read(into: buffer) }
  }

  // MARK: What is asked for, and by whom

  private enum Target {
    case git(WebTarget)
    case values(ValueTarget)

    var repository: String {
      switch self {
      case .git(let target): target.repository
      case .values(let target): target.repository
      }
    }

    /// Whether somebody has to have logged in.
    var isChange: Bool {
      switch self {
      case .git(let target): target.service == .receivePack
      case .values(let target): target.method != "GET"
      }
    }
  }

  private enum Found {
    case found(Target, ServedRepositories.Served)
    case refused(WebAnswer)
  }

  private func find(_ request: WebRequest) -> Found {
    let target: Target
    do throws(ValueRefusal) {
      if let values = try ValueTarget(request.head) {
        target = .values(values)
      } else if let git = WebTarget(request.head) {
        target = .git(git)
      } else {
        return .refused(WebAnswer(404, "there is nothing here"))
      }
    } catch { return .refused(error.answer) }
    let principal: Principal?
    switch identify(request) {
    case .nobody: principal = nil
    case .somebody(let found): principal = found
    case .refused(let answer): return .refused(answer)
    }
    // Whoever has not said who they are is asked, whether there is such a repository or not; changes are somebody's.
    if principal == nil, target.isChange { return .refused(.challenge) }
    do throws(StoreError) {
      guard let served = try repositories.repository(target.repository, for: principal ?? .stranger) else {
        let nothing = WebAnswer(404, "there is no such repository here, or it is not for you")
        return .refused(principal == nil ? .challenge : nothing)
      }
      return .found(target, served)
    } catch {
      log("\(target.repository): \(error)")
      return .refused(principal == nil ? .challenge : WebAnswer(500, "this repository cannot be served now"))
    }
  }

  /// Whether the rights are what they were when an answer began.
  private func isStillServed(_ name: String, _ served: ServedRepositories.Served) -> Bool {
    do { return try repositories.repository(name, for: served.access.principal)?.access == served.access } catch {
      return false
    }
  }

  private enum Identity {
    /// Who has not tried to log in.
    case nobody
    case somebody(Principal)
    case refused(WebAnswer)
  }

  private func identify(_ request: WebRequest) -> Identity {
    guard let words = request.head.value(of: "authorization") else { return .nobody }
    guard let (name, password) = BasicCredentials.parse(words) else { return .refused(.challenge) }
    do {
      guard let file = try passwords?.value() else { return .refused(.challenge) }
      switch try gate.check(name, password, in: file, from: request.peer, now: Clock.now) {
      case .welcome(let principal): return .somebody(principal)
      case .wrong(let milliseconds):
        log("wrong name or password from \(request.peer), for \(Text.readable(name.utf8.prefix(64)))")
        usleep(UInt32(clamping: milliseconds * 1_000))
        return .refused(.challenge)
      case .busy(let seconds):
        return .refused(WebAnswer(429, "try again later", [HTTPField("Retry-After", "\(seconds)")]))
      }
    } catch {
      log("\(passwords?.path ?? "passwords"): \(error)")
      return .refused(WebAnswer(500, "nobody can log in now"))
    }
  }

  // MARK: Values

  private func send(
    _ answer: ValueService.Answer, _ request: WebRequest, isLast: Bool, to output: any ByteSink, _ wait: ClientWait,
    whileServed isStillServed: () -> Bool
  ) throws(StoreError) -> Bool {
    let isHidden = request.head.method == "HEAD"
    let last = isLast ? [HTTPField("Connection", "close")] : []
    switch answer {
    case .short(let answer): try answer.send(to: output, isLast: isLast, isHidden: isHidden)
    case .notModified(let fields):
      try output.write(HTTPEncoder.head(HTTPResponseHead(status: 304, fields: fields + last)))
    case .value(let value, let fields):
      let length = HTTPField("Content-Length", String(value.size))
      try output.write(HTTPEncoder.head(HTTPResponseHead(status: 200, fields: fields + [length] + last)))
      if !isHidden { try value.forEachPiece { (bytes) throws(StoreError) in try output.write(bytes) } }
    case .events(let events):
      var fields = [HTTPField("Content-Type", "text/event-stream"), HTTPField("Cache-Control", "no-store")]
      if request.isVersion11 { fields.append(HTTPField("Transfer-Encoding", "chunked")) }
      fields.append(HTTPField("Connection", "close"))
      try output.write(HTTPEncoder.head(HTTPResponseHead(status: 200, fields: fields)))
      let body = WebResponseBody(output, isChunked: request.isVersion11, isHidden: isHidden)
      if !isHidden { try events.send(to: body, wait, while: isStillServed) }
      try body.finish()
      return false
    }
    return !isLast
  }

  // MARK: Git

  private func respond(
    _ request: WebRequest, _ target: WebTarget, _ body: WebRequestBody, _ backend: any Backend, _ policy: ServerPolicy,
    _ output: any ByteSink
  ) throws(StoreError) {
    var content: WebResponseBody?
    let git = SmartHTTPRequest(
      method: request.head.method, path: target.path, query: target.query,
      field: { request.head.value(of: $0) }, body: body)
    do throws(StoreError) {
      try SmartHTTP.respond(to: git, backend, policy) { (answer) throws(StoreError) in
        var head = HTTPResponseHead(status: answer.status, fields: answer.fields.map { HTTPField($0.name, $0.value) })
        if answer.status == 200 { try body.ask() }
        if answer.status == 405 { head.fields.append(HTTPField("Allow", target.path == "info/refs" ? "GET" : "POST")) }
        if request.isVersion11 { head.fields.append(HTTPField("Transfer-Encoding", "chunked")) }
        if request.isLast { head.fields.append(HTTPField("Connection", "close")) }
        try output.write(HTTPEncoder.head(head))
        let sink = WebResponseBody(
          output, isChunked: request.isVersion11, isHidden: request.head.method == "HEAD")
        content = sink
        return sink
      }
    } catch {
      if case .system = error { throw error }
      // The client has been told in Git's own words.
      log("\(target.repository), \(policy.person.name): \(error)")
    }
    try content?.finish()
  }
}

extension Principal {
  /// Who has said nothing of themselves: a name that nobody can have.
  fileprivate static let stranger = Principal.person("")
}

extension WebAnswer {
  fileprivate static let challenge = WebAnswer(
    401, "a name and a password are needed here",
    [HTTPField("WWW-Authenticate", "Basic realm=\"lares store\", charset=\"UTF-8\"")])
}

/// What of which repository a request is about.
struct WebTarget: Equatable {
  /// As it stands in the address, without slashes around it.
  var repository: String
  /// What follows the repository's name.
  var path: String
  var query: String
  var service: Service

  /// nil where no repository could have anything there.
  init?(_ head: HTTPRequestHead) {
    guard let path = percentDecoded(head.path), path.hasPrefix("/") else { return nil }
    query = head.target.firstIndex(of: "?").map { String(head.target[head.target.index(after: $0)...]) } ?? ""
    for ending in ["info/refs", "git-upload-pack", "git-receive-pack"] where path.hasSuffix("/" + ending) {
      repository = String(path.dropFirst().dropLast(ending.utf8.count + 1))
      self.path = ending
      service = Service(rawValue: ending) ?? (query == "service=git-receive-pack" ? .receivePack : .uploadPack)
      return
    }
    return nil
  }
}

/// A name and a password as a request has them (RFC 7617).
enum BasicCredentials {
  /// nil where the value of Authorization is of another scheme, or malformed.
  static func parse(_ value: String) -> (name: String, password: [UInt8])? {
    let words = value.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
    guard words.count == 2, String(words[0])?.lowercased() == "basic", let bytes = base64(words[1]),
      let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      let name = String(validating: bytes[..<colon], as: UTF8.self)
    else { return nil }
    return (name, Array(bytes[(colon + 1)...]))
  }

  /// RFC 4648 section 4, with or without the padding.
  private static func base64(_ text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (bits, count) = (UInt32(0), 0)
    var digits = Array(text)
    while digits.last == UInt8(ascii: "=") { digits.removeLast() }
    for digit in digits {
      guard let value = value(of: digit) else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return count < 6 ? bytes : nil
  }

  private static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
