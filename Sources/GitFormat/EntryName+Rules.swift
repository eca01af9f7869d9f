extension EntryName {
  /// What stands before the names that the store keeps for itself.
  public static let reservedPrefix: StaticString = ".lares"
  /// The longest name that file systems take, in bytes.
  public static let longestWritten = 255

  /// Why this store writes no entry of that name, as a phrase after the name and a colon; nil: it does.
  ///
  /// Stricter than what is read from others (`ObjectCheck`): a name has to be one that every file system can have and a
  /// terminal can show.
  ///
  /// - Parameter isOwn: whether the store itself writes it, which may use the reserved prefix.
  public func problem(isOwn: Bool = false) -> String? {
    bytes.span.bytes.withUnsafeBytes { name in
      if let problem = Self.problem(inAny: name, limit: Self.longestWritten) { return problem }
      if name.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return "it has a control character" }
      if !isOwn && name.hasPrefix(Self.reservedPrefix) {
        return "names that begin with \(Self.reservedPrefix) are the store's own"
      }
      return nil
    }
  }

  /// The rules for everybody's names.
  static func problem(inAny name: UnsafeRawBufferPointer, limit: Int) -> String? {
    if name.isEmpty { return "it is empty" }
    if name.count > limit { return "it is longer than \(limit) bytes" }
    if name.contains(UInt8(ascii: "/")) { return "it has a slash" }
    if name.contains(0) { return "it has a zero byte" }
    if "." ~= name || ".." ~= name { return "it stands for a directory that exists" }
    if DotGit.isGit(name) { return "some file systems take it for .git" }
    return nil
  }
}
