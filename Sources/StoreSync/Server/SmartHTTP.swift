import GitFormat
public import VersionedStore

/// A request to a repository over HTTP, without the part of its path that names the repository.
public struct SmartHTTPRequest {
  /// `GET` or `POST`.
  public var method: String
  /// `info/refs`, `git-upload-pack`, `git-receive-pack`.
  public var path: String
  /// What follows the question mark.
  public var query: String
  /// The value of a header field, by its name in lower case.
  public var field: (String) -> String?
  public var body: any ByteSource

  public init(
    method: String, path: String, query: String, field: @escaping (String) -> String?, body: any ByteSource
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.field = field
    self.body = body
  }
}

/// The head of an answer. The body's length is not known before.
public struct SmartHTTPHead: Equatable, Sendable {
  public var status: Int
  public var fields: [(name: String, value: String)]

  public static func == (left: Self, right: Self) -> Bool {
    left.status == right.status && left.fields.elementsEqual(right.fields) { $0 == $1 }
  }
}

/// Git's protocol over HTTP (gitprotocol-http), smart clients only. Who asks and whether they may ask at all is known
/// before; what of the repository they see is the policy's.
public enum SmartHTTP {
  /// Answers a request.
  ///
  /// - Parameter begin: sends the head, and gives where the body goes. Called once.
  /// - Throws: what went wrong, after the client was told as far as that was possible.
  public static func respond(
    to request: SmartHTTPRequest, _ backend: any Backend, _ policy: ServerPolicy,
    begin: (SmartHTTPHead) throws(StoreError) -> any ByteSink
  ) throws(StoreError) {
    if request.path == "info/refs" {
      guard request.method == "GET" else { return try refuse(405, "references are read by GET", begin) }
      guard request.query.hasPrefix("service="), let service = Service(rawValue: String(request.query.dropFirst(8)))
      else { return try refuse(403, "this server has only the smart protocol of git", begin) }
      return try advertise(service, request, backend, policy, begin)
    }
    guard let service = Service(rawValue: request.path) else { return try refuse(404, "there is nothing here", begin) }
    guard request.method == "POST" else { return try refuse(405, "\(service.rawValue) is asked by POST", begin) }
    guard request.field("content-type") == "application/x-\(service.rawValue)-request" else {
      return try refuse(415, "the request is no application/x-\(service.rawValue)-request", begin)
    }
    let encoding = request.field("content-encoding")
    guard encoding == nil || encoding == "gzip" || encoding == "x-gzip" else {
      return try refuse(415, "the request is encoded by something else than gzip", begin)
    }
    let body: any ByteSource = encoding == nil ? request.body : GzipSource(request.body)
    let sink = try begin(head(200, "application/x-\(service.rawValue)-result"))
    try tellingErrors(to: sink) { () throws(StoreError) in
      try answer(service, BufferedInput(body), sink, version(request), backend, policy)
    }
  }

  private static func advertise(
    _ service: Service, _ request: SmartHTTPRequest, _ backend: any Backend, _ policy: ServerPolicy,
    _ begin: (SmartHTTPHead) throws(StoreError) -> any ByteSink
  ) throws(StoreError) {
    let sink = try begin(head(200, "application/x-\(service.rawValue)-advertisement"))
    let version = version(request)
    let packets = PacketWriter(sink)
    if service == .receivePack || version != .two {
      try packets.line("# service=\(service.rawValue)")
      try packets.write(.flush)
    }
    try tellingErrors(to: sink) { () throws(StoreError) in
      switch service {
      case .uploadPack:
        try UploadPackServer(backend, policy, version: version, isStateless: true).advertise(to: packets)
      case .receivePack: try ReceivePackServer(backend, policy, version: version).advertise(to: packets)
      }
      try packets.send()
    }
  }

  private static func answer(
    _ service: Service, _ input: BufferedInput, _ sink: any ByteSink, _ version: ProtocolVersion,
    _ backend: any Backend, _ policy: ServerPolicy
  ) throws(StoreError) {
    switch service {
    case .uploadPack:
      try UploadPackServer(backend, policy, version: version, isStateless: true).answer(PacketReader(input), sink)
    case .receivePack: try ReceivePackServer(backend, policy, version: version).answer(input, sink)
    }
  }

  private static func version(_ request: SmartHTTPRequest) -> ProtocolVersion {
    ProtocolVersion(asked: request.field("git-protocol"))
  }

  /// Nothing of what is answered may be kept by those on the way (gitprotocol-http, "Smart Server Response").
  private static func head(_ status: Int, _ type: String) -> SmartHTTPHead {
    SmartHTTPHead(
      status: status,
      fields: [
        ("Content-Type", type), ("Cache-Control", "no-cache, max-age=0, must-revalidate"), ("Pragma", "no-cache"),
        ("Expires", "Fri, 01 Jan 1980 00:00:00 GMT"),
      ])
  }

  private static func refuse(
    _ status: Int, _ why: String, _ begin: (SmartHTTPHead) throws(StoreError) -> any ByteSink
  ) throws(StoreError) {
    try begin(head(status, "text/plain; charset=utf-8")).write(Array("\(why)\n".utf8))
  }
}

/// The content of a gzip stream.
private final class GzipSource: ByteSource {
  private let input: BufferedInput
  private var stream = InflateStream(gzip: ())

  init(_ source: any ByteSource) { input = BufferedInput(source) }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    while !stream.isFinished {
      let available = try input.peek(1)
      let progress: StreamProgress
      do { progress = try stream.step(available, into: buffer) } catch { throw .malformed(error) }
      input.skip(progress.consumed)
      if progress.produced > 0 { return progress.produced }
      guard progress.isFinished || !available.isEmpty else {
        throw .malformed(FormatError("gzip stream", "it is cut off"))
      }
    }
    return 0
  }
}
