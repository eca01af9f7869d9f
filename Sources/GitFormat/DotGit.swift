/// Names that some file system takes for one of Git's own: `.git` above all, in all its spellings (CVE-2014-9390,
/// CVE-2019-1352, CVE-2019-1353; the rules are those of is_hfs_dotgit and is_ntfs_dotgit in Git).
///
/// HFS+ does not see certain code points and the case of letters. NTFS does not see case, nor dots and spaces at the end; it
/// takes `:` for the start of a stream's name and `\` for a slash; and it has a short name of eight characters for each file.
struct DotGit {
  /// Without the dot, in lower case.
  private let name: StaticString
  /// What NTFS puts before the tilde when the first short names are taken: two letters and a hash.
  private let hashed: StaticString

  static let modules = DotGit(name: "gitmodules", hashed: "gi7eba")
  static let attributes = DotGit(name: "gitattributes", hashed: "gi7d29")

  /// Whether a name is `.git` somewhere, or leads into it.
  static func isGit(_ name: UnsafeRawBufferPointer) -> Bool {
    // All spellings have a g, most names have none.
    guard name.contains(where: { $0 | 0x20 == UInt8(ascii: "g") }) else { return false }
    return isOnHFS(name, "git") || hasPart(name, isGitOnNTFS)
  }

  /// Whether a name is this one somewhere.
  func matches(_ name: UnsafeRawBufferPointer) -> Bool {
    Self.isOnHFS(name, self.name) || Self.hasPart(name, isOnNTFS)
  }

  /// Whether the name, or what follows one of its backslashes, is so.
  private static func hasPart(_ name: UnsafeRawBufferPointer, _ isSo: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    var rest = name
    while !isSo(rest) {
      guard let backslash = rest.offset(of: UInt8(ascii: "\\")) else { return false }
      rest = UnsafeRawBufferPointer(rebasing: rest[(backslash + 1)...])
    }
    return true
  }

  /// `.git` or `git~1`, with dots and spaces, then the end or what ends a name.
  private static func isGitOnNTFS(_ name: UnsafeRawBufferPointer) -> Bool {
    for spelling: StaticString in [".git", "git~1"] where hasPrefix(name, spelling) {
      return name[spelling.utf8CodeUnitCount...].first { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: " ") }
        .map { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "\\") } ?? true
    }
    return false
  }

  private func isOnNTFS(_ name: UnsafeRawBufferPointer) -> Bool {
    let length = self.name.utf8CodeUnitCount
    if name.first == UInt8(ascii: "."), Self.hasPrefix(.init(rebasing: name.dropFirst()), self.name) {
      return Self.isEnd(name[(length + 1)...])
    }
    guard name.count >= 8 else { return false }
    if Self.hasPrefix(name, self.name, 6), name[6] == UInt8(ascii: "~"),
      (UInt8(ascii: "1")...UInt8(ascii: "4")).contains(name[7])
    {
      return Self.isEnd(name[8...])
    }
    // As much of the hashed name as there is room for before the tilde and a number.
    guard let tilde = name[..<7].firstIndex(of: UInt8(ascii: "~")), Self.hasPrefix(name, hashed, tilde),
      name[tilde + 1] != UInt8(ascii: "0"),
      name[(tilde + 1)..<8].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return false }
    return Self.isEnd(name[8...])
  }

  /// Whether only what NTFS does not see follows.
  private static func isEnd(_ rest: Slice<UnsafeRawBufferPointer>) -> Bool {
    rest.first { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: " ") }.map { $0 == UInt8(ascii: ":") } ?? true
  }

  /// Whether a name begins with the first `length` letters of a text in lower case, in any case.
  private static func hasPrefix(_ name: UnsafeRawBufferPointer, _ text: StaticString, _ length: Int? = nil) -> Bool {
    let length = length ?? text.utf8CodeUnitCount
    guard name.count >= length else { return false }
    return text.withUTF8Buffer { text in (0..<length).allSatisfy { lower(name[$0]) == text[$0] } }
  }

  private static func lower(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  /// Whether HFS+ takes a name for a dot and a text. As in Git, a name ends where it is no UTF-8, or
  /// has one of the two values that are no character.
  private static func isOnHFS(_ name: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    var decoder = UTF8()
    var bytes = name.makeIterator()
    func next() -> UInt32? {
      while case .scalarValue(let scalar) = decoder.decode(&bytes) {
        if scalar.value & 0x1F_FFFE == 0xFFFE { return nil }
        if !isIgnored(scalar.value) { return scalar.value }
      }
      return nil
    }
    guard next() == 0x2E else { return false }
    let isText = text.withUTF8Buffer { text in
      text.allSatisfy { letter in next().map { $0 < 0x80 && lower(UInt8($0)) == letter } ?? false }
    }
    return isText && next() == nil
  }

  /// What HFS+ leaves out when it compares names: joiners, marks of direction, and the byte order mark.
  private static func isIgnored(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x200C...0x200F, 0x202A...0x202E, 0x206A...0x206F, 0xFEFF: true
    default: false
    }
  }
}
