public import GitFormat
import VersionedStore

/// A reference as a server tells of it.
public struct RemoteReference: Equatable, Sendable {
  public var name: RefName
  /// nil: it names a branch that has no commit yet.
  public var id: ObjectID?
  /// What an annotated tag is of, in the end.
  public var peeled: ObjectID?
  /// What a symbolic reference, such as HEAD, names.
  public var target: RefName?

  public init(_ name: RefName, _ id: ObjectID?, peeled: ObjectID? = nil, target: RefName? = nil) {
    self.name = name
    self.id = id
    self.peeled = peeled
    self.target = target
  }
}

/// The list of references that a server of version 0 or 1 begins with (gitprotocol-pack, "Reference Discovery").
struct ReferenceAdvertisement: Equatable {
  var references: [RemoteReference] = []
  var capabilities = Capabilities()
  /// Commits of the server whose parents it does not have.
  var shallow: [ObjectID] = []

  /// Lines that one list has at most.
  static let maximumLines = 1_000_000

  func write(to packets: PacketWriter, _ format: ObjectFormat) throws(StoreError) {
    var capabilityText: String? = "\0" + capabilities.text
    func line(_ text: String) throws(StoreError) {
      try packets.line(text + (capabilityText ?? ""))
      capabilityText = nil
    }
    for reference in references {
      guard let id = reference.id else { continue }
      try line("\(id) \(reference.name)")
      if let peeled = reference.peeled { try packets.line("\(peeled) \(reference.name)^{}") }
    }
    if capabilityText != nil { try line("\(ObjectID.zero(format)) capabilities^{}") }
    for commit in shallow { try packets.line("shallow \(commit)") }
    try packets.write(.flush)
  }

  /// Reads the list up to its flush packet. Names that Git would refuse are left out.
  ///
  /// - Parameters:
  ///   - first: its first packet, read already.
  ///   - expected: our format; nil: whatever the server has.
  /// - Throws: also where the server's object format is not ours.
  init(first: Packet, _ packets: PacketReader, _ expected: ObjectFormat?) throws(StoreError) {
    var format = expected ?? .sha1
    var packet = first
    var isFirst = true
    var lines = 0
    while let text = packet.text {
      lines += 1
      guard lines <= Self.maximumLines else { throw .tooLarge("the server's list of references") }
      var line = text
      if isFirst, let zero = text.firstIndex(of: 0) {
        capabilities = Capabilities(parsing: text[(zero + 1)...])
        line = text[..<zero]
      }
      if isFirst {
        if expected == nil, capabilities.value(of: "object-format") == ObjectFormat.sha256.rawValue { format = .sha256 }
        try capabilities.checkFormat(format)
      }
      isFirst = false
      try add(line, format)
      packet = try packets.expect()
    }
    if let head = references.firstIndex(where: { $0.name == .head }) {
      let target = capabilities.values(of: "symref").first { $0.hasPrefix("HEAD:") }
      references[head].target = target.flatMap { RefName(String($0.dropFirst(5))) }
    }
  }

  init(references: [RemoteReference], capabilities: Capabilities) {
    self.references = references
    self.capabilities = capabilities
  }

  private mutating func add(_ line: ArraySlice<UInt8>, _ format: ObjectFormat) throws(StoreError) {
    if line.starts(with: "shallow ".utf8) {
      guard let id = ObjectID(format, hex: line.dropFirst(8)) else {
        throw .malformed(FormatError("list of references", "a shallow line has no identifier"))
      }
      shallow.append(id)
      return
    }
    guard let space = line.firstIndex(of: UInt8(ascii: " ")), let id = ObjectID(format, hex: line[..<space]) else {
      throw .malformed(FormatError("list of references", "\(Text.readable(line)) has no identifier"))
    }
    let name = String(decoding: Array(line[(space + 1)...]), as: UTF8.self)
    if name.hasSuffix("^{}") {
      guard let last = references.indices.last, references[last].name.text == name.dropLast(3) else { return }
      references[last].peeled = id
    } else if let name = RefName(name) {
      references.append(RemoteReference(name, id))
    }
  }
}

extension RemoteReference {
  /// A line of `ls-refs` (gitprotocol-v2).
  var line: String {
    var line = "\(id.map(\.hex) ?? "unborn") \(name)"
    if let target { line += " symref-target:\(target)" }
    if let peeled { line += " peeled:\(peeled)" }
    return line
  }

  /// Reads a line of `ls-refs`; nil where its name is one that Git would refuse.
  init?(line: ArraySlice<UInt8>, _ format: ObjectFormat) throws(StoreError) {
    let words = line.split(separator: UInt8(ascii: " "))
    guard words.count >= 2 else { throw .malformed(FormatError("list of references", "a line has one word")) }
    let isUnborn = words[0].elementsEqual("unborn".utf8)
    let id = ObjectID(format, hex: words[0])
    guard isUnborn || id != nil else {
      throw .malformed(FormatError("list of references", "\(Text.readable(words[0])) is no identifier"))
    }
    guard let name = RefName(String(decoding: Array(words[1]), as: UTF8.self)) else { return nil }
    self.init(name, id)
    for word in words.dropFirst(2) {
      if word.starts(with: "symref-target:".utf8) {
        target = RefName(String(decoding: Array(word.dropFirst(14)), as: UTF8.self))
      } else if word.starts(with: "peeled:".utf8) {
        peeled = ObjectID(format, hex: word.dropFirst(7))
      }
    }
  }
}
