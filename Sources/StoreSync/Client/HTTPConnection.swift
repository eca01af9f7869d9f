import GitFormat
import VersionedStore

/// A conversation over HTTP (gitprotocol-http): a request for each message. Certificates are always checked; redirections
/// are followed at the beginning only, and never from https to http.
final class HTTPConnection: Connection {
  private var base: String
  private let service: Service
  private let options: RemoteOptions
  private let multi: CurlMulti
  private var credentials: Credentials?

  private static let redirections = 5

  init(_ url: String, _ service: Service, _ options: RemoteOptions) throws(StoreError) {
    var base = url
    while base.hasSuffix("/") { base.removeLast() }
    self.base = base
    self.service = service
    self.options = options
    multi = try CurlMulti()
    guard let authority = Self.authority(of: base), !authority.isEmpty else {
      throw .invalid("\(Text.readable(url.utf8)) names no host")
    }
    guard !authority.contains("@") else {
      throw .invalid("a name or password does not belong in an address: it would be seen in files and lists")
    }
    guard base.hasPrefix("https://") || options.allowsPlainHTTP else {
      throw .invalid("\(Text.readable(url.utf8)): http can be read and changed by everybody on the way; use https")
    }
  }

  /// Host and port, with whatever stands before them.
  private static func authority(of url: String) -> Substring? {
    guard let start = url.firstRange(of: "://")?.upperBound else { return nil }
    return url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
  }

  /// libcurl puts the name and password that it was given into the address that it tells.
  private static func withoutPassword(_ url: String) -> String {
    guard let authority = authority(of: url), let at = authority.lastIndex(of: "@") else { return url }
    return String(url[..<authority.startIndex]) + url[url.index(after: at)...]
  }

  var isStateless: Bool { true }
  var failure: String? { nil }
  func close() {}

  private var fields: [String] {
    options.version == .zero ? [] : ["Git-Protocol: version=\(options.version.rawValue)"]
  }

  private func settings(_ path: String) -> CurlTransfer.Settings {
    CurlTransfer.Settings(
      url: base + path, fields: fields, credentials: credentials,
      allowsPlainHTTP: options.allowsPlainHTTP && base.hasPrefix("http://"), certificateFile: options.certificateFile,
      idleSeconds: options.idleSeconds)
  }

  func greeting() throws(StoreError) -> PacketReader {
    let path = "/info/refs?service=\(service.rawValue)"
    var (transfer, status) = try get(path)
    if status == 401 {
      let host = String(Self.authority(of: base) ?? "")
      credentials = options.credentials(host)
      guard credentials != nil else { throw .denied("\(host) asks for a name and a password, and none is known") }
      (transfer, status) = try get(path)
      guard status != 401 else { throw .denied("\(host) does not accept the name and password that are known") }
    }
    try check(status, transfer, type: "application/x-\(service.rawValue)-advertisement")
    return try pastServiceLine(transfer)
  }

  /// Asks, and takes the place that redirections lead to for the rest of the conversation.
  private func get(_ path: String) throws(StoreError) -> (CurlTransfer, Int) {
    var settings = settings(path)
    settings.redirections = Self.redirections
    let transfer = try CurlTransfer(settings, multi)
    let status = try transfer.finishRequest()
    if let effective = transfer.effectiveURL.map(Self.withoutPassword), effective != base + path {
      guard effective.hasSuffix(path) else {
        throw .remote("it sends us to another place that is no repository: \(Text.readable(effective.utf8))")
      }
      let before = Self.authority(of: base)
      base = String(effective.dropLast(path.count))
      // A password is for the host that it was asked for.
      if Self.authority(of: base) != before { credentials = nil }
    }
    return (transfer, status)
  }

  /// The list of references follows a line that names the service, which version 2 may leave out.
  private func pastServiceLine(_ transfer: CurlTransfer) throws(StoreError) -> PacketReader {
    let input = BufferedInput(HTTPAnswer(transfer))
    let line = Array("# service=".utf8)
    let start = try input.peek(4 + line.count)
    let packets = PacketReader(input)
    guard start.dropFirst(4).prefix(line.count).elementsEqual(line) else { return packets }
    guard let text = try packets.expect().text, text.elementsEqual("# service=\(service.rawValue)".utf8),
      try packets.expect() == .flush
    else { throw .malformed(FormatError("server", "it answers for another service")) }
    return packets
  }

  fileprivate func check(_ status: Int, _ transfer: CurlTransfer, type: String) throws(StoreError) {
    switch status {
    case 200: break
    case 401, 403: throw .denied("the server does not let us in (status \(status))")
    case 404: throw .remote("there is no repository at \(Text.readable(base.utf8))")
    default: throw .remote("status \(status)")
    }
    guard transfer.contentType == type else {
      throw .remote("what is at \(Text.readable(base.utf8)) does not speak git's smart protocol")
    }
  }

  func request() throws(StoreError) -> any Exchange {
    var settings = settings("/" + service.rawValue)
    settings.isPost = true
    settings.fields += [
      "Content-Type: application/x-\(service.rawValue)-request", "Accept: application/x-\(service.rawValue)-result",
    ]
    return HTTPExchange(try CurlTransfer(settings, multi), self, service)
  }
}

/// One POST.
private final class HTTPExchange: Exchange {
  private let transfer: CurlTransfer
  private let connection: HTTPConnection
  private let service: Service

  init(_ transfer: CurlTransfer, _ connection: HTTPConnection, _ service: Service) {
    self.transfer = transfer
    self.connection = connection
    self.service = service
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) { try transfer.write(bytes) }

  func answer() throws(StoreError) -> PacketReader {
    let status = try transfer.finishRequest()
    try connection.check(status, transfer, type: "application/x-\(service.rawValue)-result")
    return PacketReader(HTTPAnswer(transfer))
  }
}

/// The body of an answer.
private final class HTTPAnswer: ByteSource {
  private let transfer: CurlTransfer

  init(_ transfer: CurlTransfer) { self.transfer = transfer }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int { try transfer.read(into: buffer) }
}
