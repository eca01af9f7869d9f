public import GitFormat

extension Path {
  /// Names deeper than this are refused: no file system could hold them (PATH_MAX).
  public static let maximumDepth = 1_000

  /// Whether a name of the path is one that the store keeps for itself: it begins with `.lares`.
  public var isReserved: Bool { names.contains { $0.bytes.starts(with: Self.reservedPrefix) } }

  private static let reservedPrefix = Array(".lares".utf8)

  /// - Throws: `.badName` where the path could not stand in a tree that people check out, or, unless it may be, is reserved.
  func check(allowingReserved: Bool) throws(StoreError) {
    guard names.count <= Self.maximumDepth else {
      throw .badName(Path(Array(names.prefix(8))), "it has more than \(Self.maximumDepth) names")
    }
    for name in names {
      if let why = name.whyNoEntry { throw .badName(self, why) }
    }
    if !allowingReserved && isReserved {
      throw .badName(self, "names that begin with .lares are the store's own")
    }
  }
}

extension EntryName {
  /// Why no entry may have this name; nil where it may.
  var whyNoEntry: String? {
    switch bytes.count {
    case 0: return "a name is empty"
    case 1 where bytes[0] == UInt8(ascii: "."): return "“.” is no name"
    case 2 where bytes[0] == UInt8(ascii: ".") && bytes[1] == UInt8(ascii: "."): return "“..” is no name"
    case 256...: return "a name is longer than 255 bytes"
    default: break
    }
    for byte in bytes where byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "/") {
      return "a name has a slash or a control character"
    }
    if isGitFolder { return "a name stands for Git's own folder" }
    if bucketNumber != nil { return "names like .lares-0 stand for parts of wide directories" }
    return nil
  }

  /// `.git` and what file systems that ignore case or shorten names take for it.
  private var isGitFolder: Bool {
    guard (4...5).contains(bytes.count) else { return false }
    let folded = bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    return folded.elementsEqual(".git".utf8) || folded.elementsEqual("git~1".utf8)
  }

  /// 0 to 15 for `.lares-0` to `.lares-f`, the parts of a directory that is stored as a fan-out.
  var bucketNumber: Int? { bytes.withUnsafeBytes { Self.bucketNumber($0) } }

  static func bucketNumber(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count == 8, bytes[0] == UInt8(ascii: "."), bytes[1] == UInt8(ascii: "l"), bytes[2] == UInt8(ascii: "a"),
      bytes[3] == UInt8(ascii: "r"), bytes[4] == UInt8(ascii: "e"), bytes[5] == UInt8(ascii: "s"),
      bytes[6] == UInt8(ascii: "-")
    else { return nil }
    switch bytes[7] {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return Int(bytes[7] - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): return Int(bytes[7] - UInt8(ascii: "a")) + 10
    default: return nil
    }
  }
}
