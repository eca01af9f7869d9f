import GitFormat

extension FuzzTarget {
  /// Objects of Git, a line with the kind before each: commits and tags that are read keep every byte, and what is accepted
  /// can be read.
  static let gitObject = FuzzTarget("git-object") { input in
    let parts = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let kind = ObjectKind.allCases.first(where: { "\($0)".utf8.elementsEqual(parts[0]) }) else {
      return
    }
    let bytes = Array(parts[1])
    for format in ObjectFormat.allCases {
      let isAccepted = (try? ObjectCheck.check(GitObject(kind, bytes), format)) != nil
      if let commit = try? CommitObject(bytes, format) {
        try promise(commit.bytes == bytes, "a commit that was read is another one")
        for person in [commit.author, commit.committer] {
          try promise(Signature(line: person.bytes) == person, "a person's line is another one")
          let again = Signature(name: person.name, email: person.email, time: person.time, zone: person.zone)
          try promise(again.time == max(person.time, 0), "another time: \(again)")
          try promise(again.zone == person.zone || person.zone.magnitude >= 100 * 60, "another zone: \(again)")
        }
      } else {
        try promise(!(isAccepted && kind == .commit), "an accepted commit is not read")
      }
      if let tag = try? TagObject(bytes, format) {
        try promise(tag.bytes == bytes, "a tag that was read is another one")
      } else {
        try promise(!(isAccepted && kind == .tag), "an accepted tag is not read")
      }
    }
  }

  /// Trees of Git: what is accepted is what we would write, and each entry is found.
  static let gitTree = FuzzTarget("git-tree") { bytes in
    for format in ObjectFormat.allCases {
      let isAccepted = (try? ObjectCheck.check(GitObject(.tree, bytes), format)) != nil
      guard let entries = try? TreeObject.parse(bytes, format) else {
        try promise(!isAccepted, "an accepted tree is not read")
        continue
      }
      try promise(entries.count <= bytes.count / (format.length + 4), "\(entries.count) entries")
      _ = try TreeObject.find("name", in: bytes, format)
      guard isAccepted else { continue }
      try promise(TreeObject.serialize(entries) == bytes, "an accepted tree is written otherwise")
      for entry in entries {
        try promise(try TreeObject.find(entry.name, in: bytes, format) == entry, "\(entry.name) is not found")
      }
    }
  }

  /// Names of references: an accepted one keeps its text and has no part that a file system minds.
  static let gitRef = FuzzTarget("git-ref") { bytes in
    let text = String(decoding: bytes, as: UTF8.self)
    _ = EntryName(bytes).problem()
    guard let name = RefName(text) else { return }
    try promise(name.text.utf8.elementsEqual(text.utf8), "another text: \(name)")
    for part in text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      try promise(!part.isEmpty && part.first != UInt8(ascii: ".") && part.count <= 200, "a part of \(name)")
      try promise(part.allSatisfy { $0 > 0x20 && $0 != 0x7F }, "a control character in \(name)")
    }
  }

  /// Streams of zlib: in pieces and as a whole the same content, bounded by what was asked for.
  static let zlib = FuzzTarget("zlib") { bytes in
    guard bytes.count > 1 else { return }
    let (size, input) = (Int(bytes[0]) << 8 | Int(bytes[1]), Array(bytes[2...]))
    let whole = try? input.withUnsafeBytes { try Deflate.decompress($0, size: size) }
    var stream = InflateStream()
    var output = [UInt8](repeating: 0, count: size + 1)
    var (consumed, produced, isDamaged) = (0, 0, false)
    while !stream.isFinished && !isDamaged {
      let end = min(input.count, consumed + 7)
      let progress = try? input.withUnsafeBytes { input in
        try output.withUnsafeMutableBytes {
          try stream.step(.init(rebasing: input[consumed..<end]), into: .init(rebasing: $0[produced...]))
        }
      }
      guard let progress, progress.consumed + progress.produced > 0 || progress.isFinished else {
        isDamaged = true
        break
      }
      consumed += progress.consumed
      produced += progress.produced
    }
    if let whole {
      try promise(
        stream.isFinished && consumed == whole.consumed, "in pieces \(consumed), as a whole \(whole.consumed)")
      try promise(Array(output[..<produced]) == whole.bytes, "in pieces another content")
    } else {
      try promise(isDamaged || produced != size, "in pieces a content, as a whole none")
    }
    var again: [UInt8] = []
    input.withUnsafeBytes { Deflate.compress($0, level: size % 10, into: &again) }
    try promise(try Deflate.decompress(again, size: input.count) == input, "compressed and back another content")
  }
}
