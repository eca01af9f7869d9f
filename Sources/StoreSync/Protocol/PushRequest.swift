import GitFormat
import VersionedStore

/// One line of a push: a reference, what the client believes it to be, and what it shall be.
struct PushCommand: Equatable {
  var name: RefName
  var old: ObjectID?
  /// nil: it is deleted.
  var new: ObjectID?

  /// Reads `<old> <new> <name>` (gitprotocol-pack, "Reference Update Request and Packfile Transfer").
  init(line: ArraySlice<UInt8>, _ format: ObjectFormat) throws(StoreError) {
    let digits = format.digits
    guard line.count > 2 * digits + 2, let old = ObjectID(format, hex: line.prefix(digits)),
      let new = ObjectID(format, hex: line.dropFirst(digits + 1).prefix(digits))
    else { throw .malformed(FormatError("push", "\(Text.readable(line)) is no change of a reference")) }
    let text = String(decoding: Array(line.dropFirst(2 * digits + 2)), as: UTF8.self)
    guard let name = RefName(text), name != .head else {
      throw .malformed(FormatError("push", "\(Text.readable(text.utf8)) is no name of a reference"))
    }
    self.init(name, from: old.isZero ? nil : old, to: new.isZero ? nil : new)
  }

  init(_ name: RefName, from old: ObjectID?, to new: ObjectID?) {
    self.name = name
    self.old = old
    self.new = new
  }

  func line(_ format: ObjectFormat) -> String {
    "\(old ?? .zero(format)) \(new ?? .zero(format)) \(name)"
  }
}

/// What a client asks to be changed.
struct PushRequest: Equatable {
  var commands: [PushCommand] = []
  var capabilities = Capabilities()
  var options: [String] = []

  init(commands: [PushCommand], capabilities: Capabilities, options: [String] = []) {
    self.commands = commands
    self.capabilities = capabilities
    self.options = options
  }

  /// Reads a request; nil where the client wants nothing changed. A pack follows unless all commands delete.
  init?(_ packets: PacketReader, _ format: ObjectFormat, limit: Int) throws(StoreError) {
    var names: Set<RefName> = []
    while let text = try packets.next()?.text {
      guard !text.starts(with: "shallow ".utf8) else {
        throw .invalid("a history without its beginning cannot be pushed here; fetch all of it first")
      }
      var line = text
      if commands.isEmpty, let zero = text.firstIndex(of: 0) {
        capabilities = Capabilities(parsing: text[(zero + 1)...])
        if capabilities.has("object-format") { try capabilities.checkFormat(format) }
        line = text[..<zero]
      }
      let command = try PushCommand(line: line, format)
      guard names.insert(command.name).inserted else {
        throw .malformed(FormatError("push", "\(command.name) stands in it twice"))
      }
      guard commands.count < limit else { throw .tooLarge("a push of more than \(limit) references") }
      commands.append(command)
    }
    guard !commands.isEmpty else { return nil }
    guard capabilities.has("push-options") else { return }
    while let text = try packets.expect().text {
      guard options.count < 1_000 else { throw .tooLarge("the list of push options") }
      options.append(String(decoding: Array(text), as: UTF8.self))
    }
  }

  /// Whether a pack follows.
  var hasPack: Bool { commands.contains { $0.new != nil } }

  func write(to packets: PacketWriter, _ format: ObjectFormat) throws(StoreError) {
    var suffix = "\0 " + capabilities.text
    for command in commands {
      try packets.line(command.line(format) + suffix)
      suffix = ""
    }
    try packets.write(.flush)
    guard capabilities.has("push-options") else { return }
    for option in options { try packets.line(option) }
    try packets.write(.flush)
  }
}

/// What became of a push (gitprotocol-pack, "Report Status").
struct PushReport: Equatable {
  /// nil: the pack was taken.
  var unpackError: String?
  var results: [Result] = []

  struct Result: Equatable {
    var name: RefName
    /// nil: done.
    var error: String?
  }

  func write(to packets: PacketWriter) throws(StoreError) {
    try packets.line("unpack \(unpackError.map { Text.readable($0.utf8) } ?? "ok")")
    for result in results {
      try packets.line(result.error.map { "ng \(result.name) \(Text.readable($0.utf8))" } ?? "ok \(result.name)")
    }
    try packets.write(.flush)
  }

  init(unpackError: String? = nil, results: [Result] = []) {
    self.unpackError = unpackError
    self.results = results
  }

  /// Reads a report of either version up to its flush packet.
  init(_ packets: PacketReader) throws(StoreError) {
    guard let first = try packets.expect().text, first.starts(with: "unpack ".utf8) else {
      throw .malformed(FormatError("report of a push", "it does not say how unpacking went"))
    }
    let outcome = Text.readable(first.dropFirst(7))
    unpackError = outcome == "ok" ? nil : outcome
    while let line = try packets.expect().text {
      guard results.count < ReferenceAdvertisement.maximumLines else { throw .tooLarge("the report of a push") }
      let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
      guard words.count >= 2 else { throw .malformed(FormatError("report of a push", "a line has one word")) }
      if words[0].elementsEqual("option".utf8) { continue }
      guard let name = RefName(String(decoding: Array(words[1]), as: UTF8.self)) else { continue }
      let isDone = words[0].elementsEqual("ok".utf8)
      results.append(Result(name: name, error: isDone ? nil : Text.readable(words.count > 2 ? words[2] : [])))
    }
  }
}
