/// Somebody who asks a store for something.
public struct Principal: Hashable, Sendable {
  /// What sort of somebody: one name may be a person's and a service's, and they are two.
  public enum Kind: String, CaseIterable, Sendable { case person, device, service }

  public var kind: Kind
  public var name: String

  public init(_ kind: Kind, _ name: String) {
    self.kind = kind
    self.name = name
  }

  public static func person(_ name: String) -> Self { Self(.person, name) }
  public static func device(_ name: String) -> Self { Self(.device, name) }
  public static func service(_ name: String) -> Self { Self(.service, name) }

  // Names are what a certificate or a file says, byte for byte; String takes two spellings of one letter for one.
  public static func == (left: Self, right: Self) -> Bool {
    left.kind == right.kind && left.name.utf8.elementsEqual(right.name.utf8)
  }
  public func hash(into hasher: inout Hasher) {
    hasher.combine(kind)
    for byte in name.utf8 { hasher.combine(byte) }
  }
}

extension Principal: CustomStringConvertible {
  /// `person:ada`, as a file of rights has it.
  public var description: String { "\(kind.rawValue):\(name)" }
}

/// Whom a grant is for.
public enum Grantee: Hashable, Sendable {
  case everybody
  case principal(Principal)
  /// The members of a group.
  case group(String)
}

extension Principal {
  /// Whether a text can be a name: letters and digits of ASCII and `.`, `_`, `-`, `@`, at most 64, of which the first is
  /// a letter or a digit. So it is one file's name and one word of a line wherever it stands.
  public static func isName(_ text: String) -> Bool {
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      byte < 128 && Unicode.Scalar(byte).properties.isAlphabetic || byte &- 48 < 10
    }
    return text.utf8.count <= 64 && text.utf8.first.map(isAlphanumeric) == true
      && text.utf8.allSatisfy { isAlphanumeric($0) || "._-@".utf8.contains($0) }
  }
}

extension Principal {
  /// Reads `person:ada`; nil where the text is none of that form.
  public init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let kind = Kind(rawValue: String(parts[0]) ?? ""), let name = String(parts[1]),
      Self.isName(name)
    else { return nil }
    self.init(kind, name)
  }
}
