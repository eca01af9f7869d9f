import GitFormat
import VersionedStore

/// What a server has said of itself, and the conversation to go on with.
final class RemoteSession {
  let connection: any Connection
  let version: ProtocolVersion
  let capabilities: Capabilities
  let format: ObjectFormat
  /// What the server began with; nil in version 2, where it is asked for.
  private let advertised: [RemoteReference]?
  let serverShallow: [ObjectID]

  /// Connects.
  ///
  /// - Parameter format: the only one that will do; nil: any.
  convenience init(
    _ remote: Remote, _ service: Service, _ options: RemoteOptions, format: ObjectFormat?
  ) throws(StoreError) {
    try self.init(try remote.connect(service, options), service, format: format)
  }

  /// Reads what the server says first.
  init(_ connection: any Connection, _ service: Service, format expected: ObjectFormat?) throws(StoreError) {
    self.connection = connection
    do throws(StoreError) {
      let packets = try connection.greeting()
      var first = try packets.expect()
      if let text = first.text, text.elementsEqual("version 2".utf8) {
        guard service == .uploadPack else {
          throw .malformed(FormatError("server", "it takes pushes by no known version"))
        }
        version = .two
        capabilities = try Self.commandCapabilities(packets)
        format = try Self.format(capabilities, expected)
        advertised = nil
        serverShallow = []
      } else {
        let isOne = first.text.map { $0.elementsEqual("version 1".utf8) } ?? false
        if isOne { first = try packets.expect() }
        version = isOne ? .one : .zero
        let list = try ReferenceAdvertisement(first: first, packets, expected)
        (advertised, capabilities, serverShallow) = (list.references, list.capabilities, list.shallow)
        format = try Self.format(capabilities, expected)
      }
    } catch {
      throw Self.explained(error, connection)
    }
  }

  /// Where a connection ends early, the program that made it may have said why.
  static func explained(_ error: StoreError, _ connection: any Connection) -> StoreError {
    guard case .malformed = error, let failure = connection.failure else { return error }
    return .remote(failure)
  }

  private static func commandCapabilities(_ packets: PacketReader) throws(StoreError) -> Capabilities {
    var capabilities = Capabilities()
    while let text = try packets.expect().text {
      guard capabilities.words.count < 1_000 else { throw .tooLarge("the server's list of capabilities") }
      capabilities.add(String(decoding: Array(text), as: UTF8.self))
    }
    return capabilities
  }

  private static func format(
    _ capabilities: Capabilities, _ expected: ObjectFormat?
  ) throws(StoreError) -> ObjectFormat {
    if let expected {
      try capabilities.checkFormat(expected)
      return expected
    }
    let name = capabilities.value(of: "object-format") ?? "sha1"
    guard let format = ObjectFormat(rawValue: name) else {
      throw .malformed(FormatError("object format of the other side", "\(Text.readable(name.utf8)) is not known"))
    }
    return format
  }

  /// The server's references.
  ///
  /// - Parameter prefixes: only those that begin with one of these are needed; empty: all.
  func references(prefixes: [String] = []) throws(StoreError) -> [RemoteReference] {
    if let advertised {
      return prefixes.isEmpty
        ? advertised : advertised.filter { item in prefixes.contains { item.name.text.hasPrefix($0) } }
    }
    let request = try connection.request()
    let packets = PacketWriter(request)
    try writeCommand("ls-refs", to: packets)
    for word in ["peel", "symrefs"] { try packets.line(word) }
    if capabilities.features(of: "ls-refs").contains("unborn") { try packets.line("unborn") }
    for prefix in prefixes { try packets.line("ref-prefix \(prefix)") }
    try packets.write(.flush)
    try packets.send()
    let answer = try request.answer()
    var list: [RemoteReference] = []
    while let text = try answer.expect().text {
      guard list.count < ReferenceAdvertisement.maximumLines else { throw .tooLarge("the server's list of references") }
      if let reference = try RemoteReference(line: text, format) { list.append(reference) }
    }
    return list
  }

  /// A command of version 2 up to its arguments.
  func writeCommand(_ command: String, to packets: PacketWriter) throws(StoreError) {
    try packets.line("command=\(command)")
    if capabilities.has("agent") { try packets.line("agent=\(Agent.name)") }
    if capabilities.has("object-format") { try packets.line("object-format=\(format.rawValue)") }
    try packets.write(.delimiter)
  }

  /// Tells the server that nothing more is asked.
  func end() throws(StoreError) {
    defer { connection.close() }
    guard !connection.isStateless else { return }
    let packets = PacketWriter(try connection.request())
    try packets.write(.flush)
    // A server that has gone already has nothing more to hear.
    do throws(StoreError) { try packets.send() } catch {}
  }
}
