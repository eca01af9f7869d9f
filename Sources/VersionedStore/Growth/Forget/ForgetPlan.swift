import GitFormat

/// What to forget.
public struct ForgetRequest: Sendable {
  /// Files and directories, in every commit, with what is recorded of conflicts about them.
  public var paths: [ForgottenPath]
  /// People whose names and addresses are replaced, wherever they stand as author, committer or tagger, in reflogs, and as
  /// an address in a message. Contents of files stay as they are.
  public var people: [ForgottenPerson]
  /// Contents that go wherever they stand, and commits and trees that are known to be forgotten: another repository's
  /// list.
  public var objects: ForgottenObjects?

  public init(paths: [ForgottenPath] = [], people: [ForgottenPerson] = [], objects: ForgottenObjects? = nil) {
    self.paths = paths
    self.people = people
    self.objects = objects
  }
}

/// A request without anybody's name: what has to be known to go on after a crash.
///
/// As bytes, in `lares/forgetting`: lines of `path` and the parts of a pattern in hexadecimal digits, each behind `=` or, a
/// wildcard, `*`; `person` and a digest; `end`. The contents to drop are those in `lares/forgotten`, where a line `objects`
/// says so.
struct ForgetPlan: Equatable {
  var patterns: [ForgottenPath] = []
  var people: Set<[UInt8]> = []
  var objects: ForgottenObjects

  init(_ request: ForgetRequest, _ format: ObjectFormat) throws(StoreError) {
    objects = request.objects ?? ForgottenObjects(format)
    guard objects.format == format else { throw .otherFormat(ours: format, theirs: objects.format) }
    patterns = request.paths
    people = objects.people
    for person in request.people {
      let digests = PeopleFilter.digests(of: person)
      guard !digests.isEmpty else { throw .invalid("a person to forget has neither a name nor an address") }
      people.formUnion(digests)
    }
    guard !patterns.isEmpty || !people.isEmpty || !objects.isEmpty else {
      throw .invalid("nothing to forget was named")
    }
  }

  mutating func add(_ other: ForgetPlan) throws(StoreError) {
    patterns += other.patterns.filter { !patterns.contains($0) }
    people.formUnion(other.people)
    objects = try objects.union(other.objects)
  }

  // MARK: - Bytes

  private static let header = "LARES FORGETTING 1"

  var bytes: [UInt8] {
    var lines = [Self.header]
    for pattern in patterns {
      let parts = pattern.parts.map { part in
        switch part {
        case .name(let name): "=" + Self.hex(name.bytes)
        case .wildcard(let bytes): "*" + Self.hex(bytes)
        }
      }
      lines.append((["path"] + parts).joined(separator: " "))
    }
    lines += people.map { "person " + Self.hex($0) }.sorted()
    if !objects.isEmpty { lines.append("objects") }
    return Array((lines + ["end", ""]).joined(separator: "\n").utf8)
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
  }

  private static func bytes(hex text: some StringProtocol) -> [UInt8]? {
    let digits = text.utf8.map { UInt8(String(UnicodeScalar($0)), radix: 16) }
    guard digits.count % 2 == 0, !digits.contains(nil) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0]! << 4 | digits[$0 + 1]! }
  }

  /// Reads such bytes.
  ///
  /// - Parameter known: what `lares/forgotten` has.
  init(_ bytes: [UInt8], known: ForgottenObjects) throws(FormatError) {
    objects = ForgottenObjects(known.format)
    let refusal = FormatError("note of what is being forgotten", "a line in it is not understood")
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    guard lines.count >= 2, lines.first == Self.header[...], lines.last == "end" else { throw refusal }
    for line in lines.dropFirst().dropLast() {
      let words = line.split(separator: " ")
      switch words.first {
      case "path":
        var parts: [ForgottenPath.Part] = []
        for word in words.dropFirst() {
          guard let bytes = Self.bytes(hex: word.dropFirst()) else { throw refusal }
          parts.append(word.hasPrefix("=") ? .name(EntryName(bytes)) : .wildcard(bytes))
        }
        guard !parts.isEmpty else { throw refusal }
        patterns.append(ForgottenPath(parts: parts))
      case "person":
        guard words.count == 2, let digest = Self.bytes(hex: words[1]), digest.count == PeopleFilter.digestLength else {
          throw refusal
        }
        people.insert(digest)
      case "objects": objects = known
      default: throw refusal
      }
    }
  }
}
