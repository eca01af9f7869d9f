import GitFormat
public import VersionedStore

/// Serves `git-receive-pack` over a connection. When the client is told that a reference has changed, the change is
/// durable and stock Git sees it.
///
/// - Parameter version: what the client asked for; version 2 has no push, and counts as 0.
/// - Throws: what went wrong, after the client was told. A refused reference is no error.
public func serveReceivePack(
  _ backend: any Backend, _ stream: any ByteStream, _ policy: ServerPolicy, version: ProtocolVersion = .zero
) throws(StoreError) {
  let server = ReceivePackServer(backend, policy, version: version)
  let packets = PacketWriter(stream)
  try tellingErrors(to: stream) { () throws(StoreError) in
    try server.advertise(to: packets)
    try packets.send()
    try server.answer(BufferedInput(stream), stream)
  }
}

/// The server's side of pushes, without its connection.
struct ReceivePackServer {
  let backend: any Backend
  let policy: ServerPolicy
  let version: ProtocolVersion

  init(_ backend: any Backend, _ policy: ServerPolicy, version: ProtocolVersion) {
    self.backend = backend
    self.policy = policy
    self.version = version
  }

  /// What the server says first.
  func advertise(to packets: PacketWriter) throws(StoreError) {
    try backend.publish()
    let visible = try VisibleReferences(backend, policy)
    let capabilities = Capabilities([
      "report-status", "report-status-v2", "delete-refs", "side-band-64k", "quiet", "atomic", "ofs-delta",
      "push-options", "object-format=\(backend.format.rawValue)", "agent=\(Agent.name)",
    ])
    if version == .one { try packets.line("version 1") }
    let references = visible.references.filter { $0.name != .head }.map { RemoteReference($0.name, $0.id) }
    try ReferenceAdvertisement(references: references, capabilities: capabilities).write(to: packets, backend.format)
  }

  /// Reads a push, carries it out, and tells how it went.
  func answer(_ input: BufferedInput, _ sink: any ByteSink) throws(StoreError) {
    let packets = PacketReader(input)
    guard let request = try PushRequest(packets, backend.format, limit: policy.limits.references) else { return }
    let capabilities = request.capabilities
    let framing: SideBandWriter.Framing = capabilities.has("side-band-64k") ? .large : .none
    let band = SideBandWriter(sink, framing, isQuiet: capabilities.has("quiet"))
    let report = try PushTransaction(backend, policy, request, band).run(input)
    if capabilities.has("report-status") || capabilities.has("report-status-v2") {
      let lines = PacketWriter(band)
      try report.write(to: lines)
      try lines.send()
      try band.sendPending()
    }
    if framing == .large {
      let end = PacketWriter(sink)
      try end.write(.flush)
      try end.send()
    }
  }
}
