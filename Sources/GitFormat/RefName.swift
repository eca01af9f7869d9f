/// The full name of a reference: `HEAD`, `refs/heads/main`. Always one that Git accepts (git-check-ref-format).
public struct RefName: Hashable, Sendable {
  public let text: String

  /// nil where Git would refuse the name, or where it is neither `HEAD` nor under `refs/`.
  public init?(_ text: String) {
    guard text == "HEAD" || (text.hasPrefix("refs/") && Self.isWellFormed(text)) else { return nil }
    self.text = text
  }

  public static let head = RefName(known: "HEAD")

  /// `refs/heads/<name>`; nil where that is no reference.
  public static func branch(_ name: String) -> RefName? { RefName("refs/heads/" + name) }

  private init(known text: String) { self.text = text }

  /// The part after `refs/heads/`; nil for what is no branch.
  public var branchName: String? { text.hasPrefix("refs/heads/") ? String(text.dropFirst(11)) : nil }

  /// The rules of git-check-ref-format(1).
  private static func isWellFormed(_ text: String) -> Bool {
    guard text.utf8.count <= 1_024, text.utf8.last != UInt8(ascii: "."), !text.contains(".."), !text.contains("@{")
    else { return false }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && !forbidden.contains($0) }) else { return false }
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.allSatisfy { part in
      !part.isEmpty && part.count <= 200 && part.first != UInt8(ascii: ".") && !part.elementsEqual("@".utf8)
        && !part.suffix(5).elementsEqual(".lock".utf8)
    }
  }

  private static let forbidden = Set("~^:?*[\\".utf8)
}

extension RefName: Comparable, CustomStringConvertible {
  public static func < (left: Self, right: Self) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }
  public var description: String { text }
}
