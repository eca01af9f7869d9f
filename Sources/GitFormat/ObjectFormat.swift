/// The hash function that names a repository's objects, fixed when the repository is made
/// (gitformat-pack, `extensions.objectFormat`).
public enum ObjectFormat: String, Sendable, CaseIterable {
  /// 20 bytes. What every Git host accepts; always with detection of collisions, as Git has it.
  case sha1
  /// 32 bytes.
  case sha256

  /// Length of an identifier in bytes.
  public var length: Int { self == .sha1 ? 20 : 32 }
  /// Length of an identifier in hexadecimal digits.
  public var digits: Int { length * 2 }
}
