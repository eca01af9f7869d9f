import GitFormat
public import VersionedStore

/// Serves `git-upload-pack` over a connection: standard input and output of an SSH forced command, a socket, a pipe.
/// Returns when the client has what it wanted.
///
/// Changes that are acknowledged but not yet published are published first, so that a clone has all of them.
///
/// - Parameter version: what the client asked for, see `ProtocolVersion.init(asked:)`.
/// - Throws: what went wrong, after the client was told.
public func serveUploadPack(
  _ backend: any Backend, _ stream: any ByteStream, _ policy: ServerPolicy, version: ProtocolVersion = .zero
) throws(StoreError) {
  let server = UploadPackServer(backend, policy, version: version, isStateless: false)
  let packets = PacketWriter(stream)
  try tellingErrors(to: stream) { () throws(StoreError) in
    try server.advertise(to: packets)
    try packets.send()
    try server.answer(PacketReader(stream), stream)
  }
}

/// Tells the other side of an error by an `ERR` packet (gitprotocol-pack, "pkt-line"), then throws it.
func tellingErrors(to sink: any ByteSink, _ body: () throws(StoreError) -> Void) throws(StoreError) {
  do {
    try body()
  } catch {
    if case .remote = error { throw error }
    var bytes: [UInt8] = []
    PacketLine.append(.line("ERR \(error)"), to: &bytes)
    // The other side may be gone; the first error is the one to report.
    do throws(StoreError) { try sink.write(bytes) } catch {}
    throw error
  }
}

/// The server's side of fetches, without its connection.
struct UploadPackServer {
  let backend: any Backend
  let policy: ServerPolicy
  let version: ProtocolVersion
  /// Whether each request stands alone, as over HTTP.
  let isStateless: Bool

  init(_ backend: any Backend, _ policy: ServerPolicy, version: ProtocolVersion, isStateless: Bool) {
    self.backend = backend
    self.policy = policy
    self.version = version
    self.isStateless = isStateless
  }

  /// What the server says first.
  func advertise(to packets: PacketWriter) throws(StoreError) {
    try backend.publish()
    if version == .two {
      try packets.line("version 2")
      for capability in commandCapabilities { try packets.line(capability) }
      try packets.write(.flush)
    } else {
      if version == .one { try packets.line("version 1") }
      try referenceAdvertisement().write(to: packets, backend.format)
    }
  }

  /// Reads requests and answers them.
  func answer(_ requests: PacketReader, _ sink: any ByteSink) throws(StoreError) {
    if version == .two {
      while try answerCommand(requests, sink), !isStateless {}
    } else {
      try answerUploadRequest(requests, sink)
    }
  }
}
